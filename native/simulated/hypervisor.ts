import { VmmschedError } from "../../core/errors.js";
import type {
  Domain,
  DomainId,
  DomainInfo,
  DomainKind,
  DomainShare,
  GuestEventChannel,
  Hypervisor,
  PausedDomain,
  VcpuContext,
} from "../../core/hypervisor.js";
import type { Frame } from "../../core/memory/address.js";
import type { PhysicalMemory, WritablePhysicalMemory } from "../../core/memory/physical-memory.js";
import { piecesOf, type RamPiece } from "../../core/ram-piece.js";
import { DomainMemory, PausedMemory } from "./domain-memory.js";
import type { SimulatedHost } from "./host.js";
import type { SimulatedDomain } from "./simulated-domain.js";

/** The driver of a {@link SimulatedHost}: the same view of it that the Xen driver has of Xen. */
export class SimulatedHypervisor implements Hypervisor {
  readonly name = "simulated";
  readonly cpuCount: number;
  #infos: LiveDomainInfo[] = [];
  #generation = -1;

  constructor(private readonly host: SimulatedHost) {
    this.cpuCount = host.pcpuCount;
  }

  domains(): readonly DomainInfo[] {
    if (this.#generation !== this.host.generation) {
      const known = new Map(this.#infos.map((info) => [info.id, info]));
      this.#infos = this.host.domains.map((domain) => known.get(domain.id) ?? new LiveDomainInfo(domain));
      this.#generation = this.host.generation;
    }
    for (const info of this.#infos) info.refresh();
    return this.#infos;
  }

  open(id: DomainId): Domain {
    const domain = this.host.domains.find((one) => one.id === id);
    if (domain === undefined) throw gone(id);
    return new OpenDomain(domain, this.host);
  }

  [Symbol.dispose](): void {
    this.#infos = [];
    this.#generation = -1;
  }
}

/** Updated in place, so that looking at all domains allocates nothing. */
class LiveDomainInfo implements DomainInfo {
  readonly id: DomainId;
  readonly uuid: string;
  readonly name: string;
  readonly kind: DomainKind;
  readonly vcpuCount: number;
  readonly memoryBytes: number;
  cpuTimeNs = 0;
  paused = false;
  ended = false;

  constructor(private readonly domain: SimulatedDomain) {
    this.id = domain.id;
    this.uuid = domain.uuid;
    this.name = domain.name;
    this.kind = domain.kind;
    this.vcpuCount = domain.vcpus.length;
    this.memoryBytes = domain.ram.bytes.length;
    this.refresh();
  }

  refresh(): void {
    this.cpuTimeNs = this.domain.cpuTimeNs;
    this.paused = this.domain.pauseCount > 0;
    this.ended = this.domain.destroyed || this.domain.machine.ended;
  }
}

/** Registers of a vCPU, kept and refilled. */
interface MutableVcpuContext extends VcpuContext {
  root: Frame;
  userMode: boolean;
  rip: number;
  gsBase: number;
}

class OpenDomain implements Domain {
  readonly memory: PhysicalMemory;
  readonly #info: LiveDomainInfo;
  readonly #contexts: MutableVcpuContext[];
  readonly canInterrupt: boolean;
  readonly eventChannel?: () => GuestEventChannel;
  #eventChannel: GuestEventChannel | undefined;

  constructor(
    private readonly domain: SimulatedDomain,
    private readonly host: SimulatedHost,
  ) {
    this.memory = new DomainMemory(domain.ram);
    this.canInterrupt = domain.kind !== "pv";
    // PVH has no event channel of ours.
    if (domain.kind === "pv") this.eventChannel = () => this.#openEventChannel();
    this.#info = new LiveDomainInfo(domain);
    const { paging } = domain.machine;
    this.#contexts = domain.vcpus.map(({ id }) => ({ id, paging, ...domain.machine.registers(id) }));
  }

  get info(): DomainInfo {
    this.#info.refresh();
    return this.#info;
  }

  vcpus(): readonly VcpuContext[] {
    if (this.domain.destroyed) throw gone(this.domain.id);
    for (const context of this.#contexts) {
      const { root, userMode, rip, gsBase } = this.domain.machine.registers(context.id);
      context.root = root;
      context.userMode = userMode;
      context.rip = rip;
      context.gsBase = gsBase;
    }
    return this.#contexts;
  }

  ram(): AsyncIterable<RamPiece> {
    const { ram } = this.domain;
    return piecesOf(this.memory, ram.pages, (pfn) => ram.frame(pfn));
  }

  pause(): PausedDomain {
    if (this.domain.destroyed) throw gone(this.domain.id);
    return new Pause(this.domain, this.host, () => this.vcpus());
  }

  share(): DomainShare | undefined {
    if (this.domain.destroyed) throw gone(this.domain.id);
    const { share, disk } = this.domain;
    return disk === undefined ? share : { ...share, ioBytesPerSecond: disk.limitBytesPerSecond };
  }

  setShare(share: DomainShare): void {
    this.host.setShare(this.domain.id, share);
  }

  [Symbol.dispose](): void {
    this.#eventChannel = undefined;
  }

  /** Each opened channel takes a port of the guest for good, as xc_evtchn_alloc_unbound does. */
  #openEventChannel(): GuestEventChannel {
    if (this.#eventChannel === undefined) {
      const { machine } = this.domain;
      const port = this.domain.nextPort++;
      machine.openEventPort(port);
      this.#eventChannel = {
        port,
        notify: () => {
          machine.notifyEventPort(port);
        },
      };
    }
    return this.#eventChannel;
  }
}

/** One pause. PV takes no vectors. */
class Pause implements PausedDomain {
  readonly memory: WritablePhysicalMemory;
  readonly interrupt?: (apicId: number, vector: number) => void;
  readonly #memory: PausedMemory;
  #open = true;

  constructor(
    private readonly domain: SimulatedDomain,
    private readonly host: SimulatedHost,
    readonly vcpus: () => readonly VcpuContext[],
  ) {
    domain.pauseCount++;
    this.#memory = new PausedMemory(domain.ram);
    this.memory = this.#memory;
    if (domain.kind !== "pv") {
      this.interrupt = (apicId, vector) => {
        domain.machine.interrupt(apicId, vector);
      };
    }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#memory.close();
    this.domain.pauseCount--;
    if (this.domain.pauseCount === 0) this.domain.machine.resume?.(this.host.nowNs);
  }
}

function gone(id: DomainId): VmmschedError {
  return new VmmschedError("ERR_DOMAIN_GONE", `no domain ${String(id)}`, { domain: id });
}
