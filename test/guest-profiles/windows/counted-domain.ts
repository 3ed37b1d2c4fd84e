import type { Domain } from "../../../core/hypervisor.js";
import type { PhysicalMemory } from "../../../core/memory/physical-memory.js";
import type { RamPiece } from "../../../core/ram-piece.js";

/** How much of a domain's memory is read, and how much of it at a stretch, without anybody else having a turn. */
export class CountedReads implements Disposable {
  /** Words that were read one by one. */
  words = 0;
  /** Whole frames that a search read. */
  frames = 0;
  longestStretchWords = 0;
  longestStretchFrames = 0;
  #stretchWords = 0;
  #stretchFrames = 0;
  #next: NodeJS.Immediate;

  constructor() {
    const turn = () => {
      this.#stretchWords = this.#stretchFrames = 0;
      this.#next = setImmediate(turn);
    };
    this.#next = setImmediate(turn);
  }

  word(count: number): void {
    this.words += count;
    this.longestStretchWords = Math.max(this.longestStretchWords, (this.#stretchWords += count));
  }

  frame(count: number): void {
    this.frames += count;
    this.longestStretchFrames = Math.max(this.longestStretchFrames, (this.#stretchFrames += count));
  }

  forget(): void {
    this.words = this.frames = this.longestStretchWords = this.longestStretchFrames = 0;
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#next);
  }
}

/** A domain whose reads are counted. */
export function countedDomain(domain: Domain, reads: CountedReads): Domain {
  const { memory } = domain;
  const counted: PhysicalMemory = {
    i32: (frame, offset) => {
      reads.word(1);
      return memory.i32(frame, offset);
    },
    read: (frame, offset, into) => {
      reads.word(Math.ceil(into.length / 4));
      memory.read(frame, offset, into);
    },
    readFrames: (frames, into) => {
      reads.frame(frames.length);
      return memory.readFrames(frames, into);
    },
  };
  async function* ram(): AsyncGenerator<RamPiece> {
    for await (const piece of domain.ram?.() ?? []) {
      reads.frame(piece.bytes.length / 4096);
      yield piece;
    }
  }
  return {
    get info() {
      return domain.info;
    },
    memory: counted,
    ...(domain.readOnly === undefined ? {} : { readOnly: domain.readOnly }),
    vcpus: () => domain.vcpus(),
    ...(domain.ram === undefined ? {} : { ram }),
    pause: () => domain.pause(),
    share: () => domain.share(),
    setShare: (share) => domain.setShare(share),
    [Symbol.dispose]: () => domain[Symbol.dispose](),
  };
}
