import type { Domain, PausedDomain } from "../hypervisor.js";
import { pageBytes, type Frame } from "../memory/address.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";

/** No honest scan of a test's machine reads more words; a scan that does is taken for endless. */
const mostReads = 20e6;

const wordsPerPage = pageBytes / 4;

/** A domain whose readers are watched: it knows which words they read, and ends a walk that does not end. */
export class WatchedDomain implements Domain {
  readonly memory: PhysicalMemory;
  readonly eventChannel?: NonNullable<Domain["eventChannel"]>;
  readonly prepareWrite?: NonNullable<Domain["prepareWrite"]>;
  /** How often it was paused. */
  pauses = 0;
  #words: Set<number> | undefined;
  #reads = 0;

  constructor(private readonly domain: Domain) {
    const { memory } = domain;
    if (domain.eventChannel !== undefined) this.eventChannel = domain.eventChannel.bind(domain);
    if (domain.prepareWrite !== undefined) this.prepareWrite = domain.prepareWrite.bind(domain);
    this.memory = {
      i32: (frame, offset) => {
        this.#note(frame, offset, 1);
        return memory.i32(frame, offset);
      },
      read: (frame, offset, into) => {
        this.#note(frame, offset, Math.ceil(into.length / 4));
        memory.read(frame, offset, into);
      },
      readFrames: (frames, into) => {
        this.#count(frames.length * wordsPerPage);
        return memory.readFrames(frames, into);
      },
    };
  }

  get canInterrupt() {
    return this.domain.canInterrupt ?? false;
  }

  get info() {
    return this.domain.info;
  }

  vcpus() {
    return this.domain.vcpus();
  }

  pause(): PausedDomain {
    this.pauses++;
    return this.domain.pause();
  }

  share() {
    return this.domain.share();
  }

  setShare(): void {
    throw new Error("a guest profile must not change the domain's share");
  }

  /** Every word that `body` reads one by one, as frame and byte offset. */
  wordsReadBy(body: () => void): readonly (readonly [frame: Frame, offset: number])[] {
    const words = new Set<number>();
    this.#words = words;
    try {
      this.bounded(body);
    } finally {
      this.#words = undefined;
    }
    return Array.from(words, (word) => [Math.floor(word / wordsPerPage) as Frame, (word % wordsPerPage) * 4]);
  }

  /** Runs `body`, which may read a lot but not without end. */
  bounded<T>(body: () => T): T {
    this.#reads = 0;
    return body();
  }

  [Symbol.dispose](): void {
    this.domain[Symbol.dispose]();
  }

  #note(frame: Frame, offset: number, count: number): void {
    this.#count(count);
    const first = frame * wordsPerPage + Math.floor(offset / 4);
    for (let i = 0; this.#words !== undefined && i < count; i++) this.#words.add(first + i);
  }

  #count(words: number): void {
    this.#reads += words;
    if (this.#reads > mostReads) throw new Error("it reads without end: every walk needs a limit");
  }
}
