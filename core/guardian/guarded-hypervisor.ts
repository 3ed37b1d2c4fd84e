import { isVmmschedError, VmmschedError } from "../errors.js";
import type { Domain, DomainId, Hypervisor, PausedDomain } from "../hypervisor.js";
import type { PhysicalMemory, WritablePhysicalMemory } from "../memory/physical-memory.js";
import { Debt } from "./debt.js";
import type { GuardianPage } from "./page.js";

/** Who watches over pauses. */
export interface Watch {
  readonly page: GuardianPage;
  /** The guardian has been alive a moment ago. */
  readonly alive: boolean;
}

/** A hypervisor whose domains are paused under the eyes of a guardian. Those that live in this process need none. */
export class GuardedHypervisor implements Hypervisor {
  readonly name: string;
  readonly cpuCount?: number;
  readonly #used = new Set<number>();

  constructor(
    private readonly hypervisor: Hypervisor,
    private readonly watch: Watch,
  ) {
    this.name = hypervisor.name;
    if (hypervisor.cpuCount !== undefined) this.cpuCount = hypervisor.cpuCount;
  }

  domains() {
    return this.hypervisor.domains();
  }

  open(id: DomainId): Domain {
    const domain = this.hypervisor.open(id);
    const { guardianName } = domain;
    if (guardianName === undefined || domain.readOnly !== undefined) return domain;
    return new GuardedDomain(domain, this.watch, () => Debt.open(this.watch.page, this.#used, guardianName));
  }

  [Symbol.dispose](): void {
    this.hypervisor[Symbol.dispose]();
  }
}

class GuardedDomain implements Domain {
  readonly instance?: string;
  readonly memory: PhysicalMemory;
  readonly canInterrupt: boolean;
  readonly ram?: NonNullable<Domain["ram"]>;
  readonly eventChannel?: NonNullable<Domain["eventChannel"]>;
  readonly prepareWrite?: NonNullable<Domain["prepareWrite"]>;
  #paused: GuardedPausedDomain | undefined;

  constructor(
    private readonly domain: Domain,
    private readonly watch: Watch,
    private readonly openDebt: () => Debt,
  ) {
    if (domain.instance !== undefined) this.instance = domain.instance;
    this.memory = domain.memory;
    this.canInterrupt = domain.canInterrupt === true;
    if (domain.ram !== undefined) this.ram = domain.ram.bind(domain);
    if (domain.eventChannel !== undefined) this.eventChannel = domain.eventChannel.bind(domain);
    if (domain.prepareWrite !== undefined) this.prepareWrite = domain.prepareWrite.bind(domain);
  }

  get info() {
    return this.domain.info;
  }

  vcpus() {
    return this.domain.vcpus();
  }

  share() {
    return this.domain.share();
  }

  setShare(share: Parameters<Domain["setShare"]>[0]): void {
    this.domain.setShare(share);
  }

  /** Throws ERR_GUARDIAN_AWAY as well, and has paused nothing then. */
  pause(): PausedDomain {
    if (!this.watch.alive)
      throw new VmmschedError("ERR_GUARDIAN_AWAY", "nothing is paused while there is no guardian");
    this.#paused ??= new GuardedPausedDomain(this.domain, this.openDebt());
    this.#paused.pause();
    return this.#paused;
  }

  [Symbol.dispose](): void {
    this.#paused?.close();
    this.domain[Symbol.dispose]();
  }
}

/** One object for all pauses of a domain. */
class GuardedPausedDomain implements PausedDomain {
  readonly memory: WritablePhysicalMemory;
  readonly interrupt?: (apicId: number, vector: number) => void;
  #inner: PausedDomain | undefined;

  constructor(
    private readonly domain: Domain,
    private readonly debt: Debt,
  ) {
    const { memory } = domain;
    this.memory = {
      i32: (frame, offset) => memory.i32(frame, offset),
      read: (frame, offset, into) => memory.read(frame, offset, into),
      readFrames: (frames, into) => memory.readFrames(frames, into),
      write32: (frame, offset, value) => this.#writable().memory.write32(frame, offset, value),
    };
    if (domain.canInterrupt === true)
      this.interrupt = (apicId, vector) => this.#writable().interrupt?.(apicId, vector);
  }

  pause(): void {
    if (this.#inner !== undefined)
      throw new VmmschedError(
        "ERR_TRANSACTION_STATE",
        `domain ${this.domain.info.id} is paused by us already`,
      );
    // One that the guardian ended is over, once it is done with it.
    this.debt.settled();
    if (!this.debt.announce(this.domain.info.paused))
      throw new VmmschedError("ERR_GUARDIAN_AWAY", "the guardian is still ending the pause before this one");
    try {
      this.#inner = this.domain.pause();
    } catch (error) {
      const { taken } = this.debt;
      this.debt.settled();
      // QEMU then says that somebody has resumed the machine meanwhile.
      throw taken && isVmmschedError(error, "ERR_HYPERVISOR_CALL") ? tookTooLong() : error;
    }
    if (this.debt.confirm()) return;
    this[Symbol.dispose]();
    throw tookTooLong();
  }

  vcpus() {
    return this.#held().vcpus();
  }

  beginWriting(): boolean {
    return this.#inner !== undefined && this.debt.beginWriting();
  }

  endWriting(): void {
    this.debt.endWriting();
  }

  /** Unpauses it unless the guardian has, or is at it. */
  [Symbol.dispose](): void {
    const inner = this.#inner;
    if (inner === undefined) return;
    this.#inner = undefined;
    if (this.debt.beginReturning() || (this.debt.verdict() === "none" && this.debt.takeBack())) {
      try {
        inner[Symbol.dispose]();
      } catch (error) {
        inner.disown?.();
        this.debt.handOver();
        throw error;
      }
    } else inner.disown?.();
    this.debt.settled();
  }

  /** What is still owed then is the guardian's to pay. */
  close(): void {
    this[Symbol.dispose]();
    this.debt[Symbol.dispose]();
  }

  #writable(): PausedDomain {
    if (this.debt.writing) return this.#held();
    throw new VmmschedError(
      "ERR_TRANSACTION_STATE",
      "a domain is written to between beginWriting and endWriting only",
    );
  }

  #held(): PausedDomain {
    if (this.#inner !== undefined) return this.#inner;
    throw new VmmschedError("ERR_TRANSACTION_STATE", `domain ${this.domain.info.id} is not paused`);
  }
}

function tookTooLong(): VmmschedError {
  return new VmmschedError(
    "ERR_GUARDIAN_AWAY",
    "pausing took longer than a pause may, and the guardian ended it",
  );
}
