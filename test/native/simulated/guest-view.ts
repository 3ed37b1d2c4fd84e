import type { Domain, PausedDomain } from "../../../core/hypervisor.js";
import { AddressSpace } from "../../../core/memory/address-space.js";
import { pageBytes, type GuestVa } from "../../../core/memory/address.js";
import {
  createSimulatedHost,
  SimulatedHypervisor,
  type LinuxMachine,
  type SimulatedHost,
} from "../../../native/simulated/index.js";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import type { SimulatedHostOptions } from "../../../native/simulated/host.js";

export const secondNs = 1e9;
export const msNs = 1e6;

/** A guest seen from both sides: from inside, and as a driver shows it. Tests edit it as an outsider would. */
export class GuestView implements Disposable {
  readonly hypervisor: SimulatedHypervisor;
  readonly guest: LinuxMachine;
  readonly domain: Domain;
  readonly space: AddressSpace;

  constructor(
    readonly host: SimulatedHost,
    name: string,
  ) {
    this.hypervisor = new SimulatedHypervisor(host);
    this.guest = host.guest(name);
    this.domain = this.hypervisor.open(host.idOf(name));
    const [vcpu] = this.domain.vcpus();
    if (vcpu === undefined) throw new Error("a domain has a vCPU");
    this.space = new AddressSpace(this.domain.memory, vcpu.paging, vcpu.root);
  }

  symbol(name: string): GuestVa {
    return this.guest.kernel.image.address(name) as GuestVa;
  }

  pid(comm: string): number {
    const entry = this.guest.processes().find((one) => one.comm === comm);
    if (entry === undefined) throw new Error(`no process is called ${comm}`);
    return entry.pid;
  }

  task(comm: string): GuestVa {
    const entry = this.guest.processes().find((one) => one.comm === comm);
    return (entry?.address ?? 0) as GuestVa;
  }

  runtimeNs(comm: string): number {
    return this.guest.procStat(this.pid(comm))?.sumExecRuntimeNs ?? Number.NaN;
  }

  member(va: GuestVa, struct: string, path: string): number {
    return this.space.u32(va, offsetOf(struct, path));
  }

  write32(paused: PausedDomain, va: GuestVa, offset: number, value: number): void {
    this.space.flush();
    paused.memory.write32(
      this.space.frame(va, offset),
      ((va & (pageBytes - 1)) + offset) & (pageBytes - 1),
      value,
    );
  }

  write64(paused: PausedDomain, va: GuestVa, offset: number, value: number): void {
    this.write32(paused, va, offset, value >>> 0);
    this.write32(paused, va, offset + 4, Math.floor(value / 2 ** 32) >>> 0);
  }

  /** Sets the freezer's trap, as an outsider holds a thread. */
  hold(comm: string): void {
    const task = this.task(comm);
    using paused = this.domain.pause();
    const jobctl = offsetOf("task_struct", "jobctl");
    const flags = offsetOf("task_struct", "thread_info.flags");
    this.write32(paused, task, jobctl, this.space.u32(task, jobctl) | (1 << 23));
    this.write32(paused, task, flags, this.space.u32(task, flags) | (1 << 2));
  }

  /** Takes the trap back and queues a wake-up on vCPU 0: lazy irq_work, or a call with its interrupt. */
  release(
    comm: string,
    way: "irq_work" | "call",
    before: (paused: PausedDomain) => void = () => undefined,
  ): void {
    const task = this.task(comm);
    using paused = this.domain.pause();
    before(paused);
    const jobctl = offsetOf("task_struct", "jobctl");
    this.write32(paused, task, jobctl, this.space.u32(task, jobctl) & ~(1 << 23));
    const stack = this.space.pointer(task, offsetOf("task_struct", "stack"));
    const area = this.space.pointer(this.symbol("__per_cpu_offset"), 0);
    const list = this.symbol(way === "irq_work" ? "lazy_list" : "call_single_queue");
    const entry = (stack + 192) as GuestVa;
    this.write64(paused, entry, 0, this.space.pointer(area, list));
    this.write32(paused, entry, 8, way === "irq_work" ? 0x27 : 0x1);
    this.write32(paused, entry, 12, 0);
    this.write64(paused, entry, 16, this.symbol(way === "irq_work" ? "process_timeout" : "wake_up_process"));
    this.write64(paused, entry, 24, way === "irq_work" ? 0 : task);
    if (way === "irq_work") this.write64(paused, entry, 40, task);
    this.write64(paused, area, list, entry);
    if (way === "call") paused.interrupt?.(0, 0xfb);
  }

  [Symbol.dispose](): void {
    this.domain[Symbol.dispose]();
    this.hypervisor[Symbol.dispose]();
  }
}

/** A host with one domain "guest" and no luck with locks unless asked for. */
export function hostWithGuest(
  kind: "pv" | "pvh",
  guest: Partial<NonNullable<SimulatedHostOptions["domains"]>[number]>,
  options: SimulatedHostOptions = {},
): SimulatedHost {
  return createSimulatedHost({
    lockProbability: 0,
    ...options,
    domains: [{ name: "guest", kind, ...guest }],
  });
}
