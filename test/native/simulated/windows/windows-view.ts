import type { Domain, PausedDomain } from "../../../../core/hypervisor.js";
import { AddressSpace } from "../../../../core/memory/address-space.js";
import type { GuestVa } from "../../../../core/memory/address.js";
import type { WindowsLayout } from "../../../../native/simulated/layouts/windows.js";
import {
  createSimulatedHost,
  SimulatedHypervisor,
  type SimulatedHost,
  type WindowsBuild,
  type WindowsMachine,
  type WindowsThread,
} from "../../../../native/simulated/index.js";
import type { DomainSpec, SimulatedHostOptions } from "../../../../native/simulated/host.js";

export const secondNs = 1e9;
export const msNs = 1e6;
export const builds: readonly WindowsBuild[] = [6001, 7601, 19041];

/** A Windows guest seen from both sides: from inside, and as a driver shows it. Tests edit it as an outsider would. */
export class WindowsView implements Disposable {
  readonly hypervisor: SimulatedHypervisor;
  readonly guest: WindowsMachine;
  readonly domain: Domain;
  readonly layout: WindowsLayout;
  readonly space: AddressSpace;

  constructor(readonly host: SimulatedHost) {
    this.hypervisor = new SimulatedHypervisor(host);
    this.guest = host.windows("guest");
    this.domain = this.hypervisor.open(host.idOf("guest"));
    this.layout = this.guest.kernel.layout;
    const { memory } = this.guest.kernel;
    this.space = new AddressSpace(this.domain.memory, this.guest.paging, memory.ram.frame(memory.root));
  }

  /** The first thread of the process of this name. */
  thread(name: string): WindowsThread {
    const process = this.guest.processes().find((one) => one.name === name);
    const thread = this.guest.threads().find((one) => one.pid === process?.pid);
    if (thread === undefined) throw new Error(`no process is called ${name}`);
    return thread;
  }

  threadsOf(name: string): readonly WindowsThread[] {
    const pids = this.guest
      .processes()
      .filter((one) => one.name === name)
      .map(({ pid }) => pid);
    return this.guest.threads().filter(({ pid }) => pids.includes(pid));
  }

  /** Steps that end as soon as `done` is true; false when it never was. */
  advanceUntil(done: () => boolean, limitNs = 20 * secondNs): boolean {
    for (let ns = 0; ns < limitNs && !this.guest.ended; ns += msNs) {
      if (done()) return true;
      this.host.advance(msNs);
    }
    return done();
  }

  /** Edits the guest during a pause. */
  edit(act: (edit: RawEdit) => void): void {
    using paused = this.domain.pause();
    act(new RawEdit(this, paused));
  }

  [Symbol.dispose](): void {
    this.domain[Symbol.dispose]();
    this.hypervisor[Symbol.dispose]();
  }
}

/** Reads and writes of one pause, without any care. */
export class RawEdit {
  readonly #space: AddressSpace;

  constructor(
    readonly view: WindowsView,
    private readonly paused: PausedDomain,
  ) {
    this.#space = view.space;
    this.#space.flush();
  }

  u8(va: number, offset: number): number {
    return this.#space.u8(va as GuestVa, offset);
  }

  u16(va: number, offset: number): number {
    return this.#space.u16(va as GuestVa, offset);
  }

  u32(va: number, offset: number): number {
    return this.#space.u32(va as GuestVa, offset);
  }

  pointer(va: number, offset: number): number {
    return this.#space.pointer(va as GuestVa, offset);
  }

  w32(va: number, offset: number, value: number): void {
    const frame = this.#space.frame(va as GuestVa, offset);
    this.paused.memory.write32(frame, (va + offset) & 0xfff, value >>> 0);
  }

  w8(va: number, offset: number, value: number): void {
    const shift = ((va + offset) & 3) * 8;
    const at = offset - ((va + offset) & 3);
    this.w32(va, at, (this.u32(va, at) & ~(0xff << shift)) | ((value & 0xff) << shift));
  }

  wPointer(va: number, offset: number, value: number): void {
    this.w32(va, offset, value >>> 0);
    this.w32(va, offset + 4, Math.floor(value / 2 ** 32));
  }
}

/** A host with one Windows domain "guest", and no luck with locks unless asked for. */
export function windowsHost(
  build: WindowsBuild,
  guest: Partial<DomainSpec>,
  options: SimulatedHostOptions = {},
): SimulatedHost {
  return createSimulatedHost({
    lockProbability: 0,
    ...options,
    domains: [{ name: "guest", kind: "hvm", os: "windows", windowsBuild: build, ...guest }],
  });
}
