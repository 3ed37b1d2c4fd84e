import type {
  Domain,
  DomainInfo,
  GuestEventChannel,
  PausedDomain,
  VcpuContext,
} from "../../../core/hypervisor.js";
import { pageBytes, type Frame } from "../../../core/memory/address.js";
import type { PhysicalMemory, WritablePhysicalMemory } from "../../../core/memory/physical-memory.js";
import { piecesOf, type RamPiece } from "../../../core/ram-piece.js";
import { SimulatedHypervisor, type SimulatedHost } from "../../../native/simulated/index.js";
import type { Ram } from "../../../native/simulated/ram.js";
import { UndoableRam } from "./undoable-ram.js";

const wordsPerPage = pageBytes / 4;

/** More words were read in one call than any guest may cost. No error that a profile may throw. */
export class EndlessReading extends Error {
  override readonly name = "EndlessReading";
}

/**
 * The only domain of a simulated host that stands still. It counts what is read, calls back in the midst of reading, shows
 * words that change between two reads, logs what is written so that it can be undone, and wakes nobody.
 */
export class GuardedDomain implements Domain {
  readonly memory: PhysicalMemory;
  readonly info: DomainInfo;
  readonly canInterrupt: boolean;
  readonly eventChannel?: () => GuestEventChannel;
  readonly ramWords: UndoableRam;
  /** Words read since {@link beginCall}; a frame that is copied as a whole is one. */
  reads = 0;
  /** What the call under way may read. */
  mostReads = Infinity;
  /** Words that were read, with what was read last, while somebody wants to know. */
  seen: Map<number, number> | undefined;
  /** Words that were written in the present pause. */
  readonly written: number[] = [];
  /** Words that show another value at every other read. */
  readonly flickering = new Map<number, number>();
  /** Called before the read of this number. */
  interruption: { readonly atRead: number; readonly act: () => void } | undefined;
  pauses = 0;
  resumes = 0;
  readonly #ram: Ram;
  readonly #vcpus: readonly VcpuContext[];

  constructor(host: SimulatedHost) {
    const [domain] = host.domains;
    if (domain === undefined) throw new RangeError("the host has no domain");
    const open = new SimulatedHypervisor(host).open(domain.id);
    this.#ram = domain.ram;
    this.ramWords = new UndoableRam(domain.ram.words);
    this.info = factsOf(open.info);
    this.canInterrupt = open.canInterrupt ?? false;
    // Registers are the vCPU's own: damage to RAM does not change them.
    this.#vcpus = open.vcpus().map((vcpu) => ({ ...vcpu }));
    if (domain.kind === "pv") {
      const channel = open.eventChannel?.();
      this.eventChannel = () => ({ port: channel?.port ?? 0, notify: () => undefined });
    }
    this.memory = this.#guarded();
  }

  /** Number of a word of RAM. -1 where the domain has no such frame. */
  wordOf(frame: Frame, offset: number): number {
    const pfn = this.#ram.pfn(frame);
    return pfn < 0 ? -1 : pfn * wordsPerPage + (offset >>> 2);
  }

  /** Frame of a word of RAM. */
  frameOf(word: number): Frame {
    return this.#ram.frame(Math.floor(word / wordsPerPage));
  }

  vcpus(): readonly VcpuContext[] {
    return this.#vcpus;
  }

  ram(): AsyncIterable<RamPiece> {
    return piecesOf(this.memory, this.#ram.pages, (pfn) => this.#ram.frame(pfn));
  }

  /** From now on so many words may be read. */
  beginCall(mostReads: number): void {
    this.reads = 0;
    this.mostReads = mostReads;
  }

  pause(): PausedDomain {
    this.pauses++;
    this.written.length = 0;
    let open = true;
    const memory: WritablePhysicalMemory = {
      ...this.memory,
      write32: (frame, offset, value) => {
        const word = this.wordOf(frame, offset);
        const before = word < 0 ? 0 : this.ramWords.get(word);
        this.#ram.write32(frame, offset, value);
        this.ramWords.note(word, before);
        this.written.push(word);
      },
    };
    return {
      memory,
      vcpus: () => this.#vcpus,
      ...(this.canInterrupt ? { interrupt: () => undefined } : {}),
      [Symbol.dispose]: () => {
        if (open) this.resumes++;
        open = false;
      },
    };
  }

  share() {
    return undefined;
  }

  setShare(): void {
    throw new Error("a guest profile must not change the domain's share");
  }

  [Symbol.dispose](): void {
    this.seen = undefined;
  }

  #guarded(): PhysicalMemory {
    const ram = this.#ram;
    return {
      i32: (frame, offset) => {
        this.#count(1);
        if (this.flickering.size > 0) this.#flicker(this.wordOf(frame, offset));
        const value = ram.i32(frame, offset);
        this.seen?.set(this.wordOf(frame, offset), value >>> 0);
        return value;
      },
      read: (frame, offset, into) => {
        this.#count(Math.ceil(into.length / 4));
        ram.read(frame, offset, into);
        if (this.seen === undefined) return;
        for (let at = offset & ~3; at < offset + into.length; at += 4) {
          const word = this.wordOf(frame, at);
          this.seen.set(word, this.ramWords.get(word));
        }
      },
      readFrames: (frames, into) => {
        this.#count(frames.length);
        return ram.readFrames(frames, into);
      },
    };
  }

  #flicker(word: number): void {
    const other = this.flickering.get(word);
    if (other === undefined) return;
    this.flickering.set(word, this.ramWords.get(word));
    this.ramWords.set(word, other);
  }

  #count(words: number): void {
    this.reads += words;
    const { interruption } = this;
    if (interruption !== undefined && this.reads >= interruption.atRead) {
      this.interruption = undefined;
      interruption.act();
    }
    if (this.reads > this.mostReads)
      throw new EndlessReading(`one call reads more than ${String(this.mostReads)} words of the guest`);
  }
}

/** The driver's record is updated in place, this one stays. */
function factsOf(info: DomainInfo): DomainInfo {
  const { id, uuid, name, kind, vcpuCount, memoryBytes, cpuTimeNs, paused, ended } = info;
  return { id, uuid, name, kind, vcpuCount, memoryBytes, cpuTimeNs, paused, ended };
}
