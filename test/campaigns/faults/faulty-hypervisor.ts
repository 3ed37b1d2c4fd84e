import type {
  Domain,
  DomainId,
  DomainInfo,
  DomainShare,
  GuestEventChannel,
  Hypervisor,
  PausedDomain,
  VcpuContext,
} from "../../../core/hypervisor.js";
import { VmmschedError } from "../../../core/errors.js";
import type { Frame } from "../../../core/memory/address.js";
import type { PhysicalMemory } from "../../../core/memory/physical-memory.js";
import type { RamPiece } from "../../../core/ram-piece.js";
import type { FaultSource } from "./fault-source.js";

/** A driver whose calls go wrong as a {@link FaultSource} says, each in the ways that its interface allows. */
export class FaultyHypervisor implements Hypervisor {
  readonly name = "faulty";

  constructor(
    private readonly inner: Hypervisor,
    private readonly faults: FaultSource,
  ) {}

  get cpuCount(): number {
    return this.inner.cpuCount ?? 1;
  }

  domains(): readonly DomainInfo[] {
    return this.faults.failing("domains", ["ERR_HYPERVISOR_CALL"], () => this.inner.domains());
  }

  open(id: DomainId): Domain {
    return this.faults.failing("open", ["ERR_DOMAIN_GONE", "ERR_HYPERVISOR_CALL"], () => {
      return new FaultyDomain(this.inner.open(id), this.faults);
    });
  }

  [Symbol.dispose](): void {
    this.inner[Symbol.dispose]();
  }
}

class FaultyDomain implements Domain {
  readonly memory: PhysicalMemory;
  readonly canInterrupt: boolean;
  readonly eventChannel?: () => GuestEventChannel;
  #vcpus: readonly VcpuContext[] = [];
  /** A pause that could not be given back: as real drivers do, it is owed still, and the next one is refused. */
  #owed: FaultyPause | undefined;

  constructor(
    private readonly inner: Domain,
    private readonly faults: FaultSource,
  ) {
    this.memory = faultyMemory(inner.memory, faults, () => this.#owed?.open === true);
    this.canInterrupt = inner.canInterrupt ?? false;
    const open = inner.eventChannel?.bind(inner);
    if (open !== undefined)
      this.eventChannel = () =>
        faults.failing("event channel", ["ERR_HYPERVISOR_CALL"], () => faultyChannel(open(), faults));
  }

  get info(): DomainInfo {
    return this.inner.info;
  }

  ram(): AsyncIterable<RamPiece> {
    return this.inner.ram?.() ?? nothing();
  }

  /** Rubbish: what they were the last time. */
  vcpus(): readonly VcpuContext[] {
    const make = () => (this.#vcpus = this.inner.vcpus().map((vcpu) => ({ ...vcpu })));
    return this.faults.call("vcpus", ["ERR_HYPERVISOR_CALL", "ERR_DOMAIN_GONE"], make, () =>
      this.#vcpus.length > 0 ? this.#vcpus : make(),
    );
  }

  prepareWrite(): void {
    this.faults.failing("prepare write", ["ERR_FRAME_UNWRITABLE"], () => undefined);
  }

  pause(): PausedDomain {
    if (this.#owed?.open === true)
      throw new VmmschedError("ERR_TRANSACTION_STATE", "the domain is paused by us already");
    return this.faults.failing("pause", ["ERR_HYPERVISOR_CALL", "ERR_DOMAIN_GONE"], () => {
      return (this.#owed = new FaultyPause(this.inner.pause(), this.faults, () => this.vcpus()));
    });
  }

  share(): DomainShare | undefined {
    return this.faults.failing("share", ["ERR_HYPERVISOR_CALL", "ERR_DOMAIN_GONE"], () => this.inner.share());
  }

  setShare(share: DomainShare): void {
    this.faults.call("set share", ["ERR_HYPERVISOR_CALL", "ERR_DOMAIN_GONE"], () =>
      this.inner.setShare(share),
    );
  }

  [Symbol.dispose](): void {
    this.#owed?.[Symbol.dispose]();
    this.inner[Symbol.dispose]();
  }
}

/** One pause. Giving it back may fail; then it is owed, and may be tried again. */
class FaultyPause implements PausedDomain {
  readonly memory: PausedDomain["memory"];
  readonly interrupt?: (apicId: number, vector: number) => void;
  open = true;

  constructor(
    private readonly inner: PausedDomain,
    private readonly faults: FaultSource,
    readonly vcpus: () => readonly VcpuContext[],
  ) {
    this.memory = {
      ...faultyMemory(inner.memory, faults, () => true),
      write32: (frame, offset, value) => {
        faults.call("write", ["ERR_FRAME_UNWRITABLE"], () => inner.memory.write32(frame, offset, value));
      },
    };
    const interrupt = inner.interrupt?.bind(inner);
    if (interrupt !== undefined)
      this.interrupt = (apicId, vector) => {
        faults.failing("interrupt", ["ERR_HYPERVISOR_CALL"], () => interrupt(apicId, vector));
      };
  }

  [Symbol.dispose](): void {
    if (!this.open) return;
    this.faults.failing("resume", ["ERR_HYPERVISOR_CALL"], () => this.inner[Symbol.dispose]());
    this.open = false;
  }
}

/** Words that are read of a running guest may be half written; those of one that is paused are what they are, or cannot be read. */
function faultyMemory(memory: PhysicalMemory, faults: FaultSource, paused: () => boolean): PhysicalMemory {
  const unreadable = (frame: Frame) =>
    new VmmschedError("ERR_FRAME_UNREADABLE", "a read fails, as the campaign has it", { frame });
  return {
    i32: (frame, offset) => {
      switch (faults.read()) {
        case "fails":
          throw unreadable(frame);
        case "rubbish":
          return paused() ? memory.i32(frame, offset) : faults.word();
        default:
          return memory.i32(frame, offset);
      }
    },
    read: (frame, offset, into) => {
      if (faults.read() === "fails") throw unreadable(frame);
      memory.read(frame, offset, into);
    },
    readFrames: (frames, into) => memory.readFrames(frames, into),
  };
}

function faultyChannel(channel: GuestEventChannel, faults: FaultSource): GuestEventChannel {
  const notify = () => faults.failing("notify", ["ERR_HYPERVISOR_CALL"], () => channel.notify());
  return { port: channel.port, notify };
}

async function* nothing(): AsyncGenerator<RamPiece> {}
