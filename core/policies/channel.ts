import { WishColumns } from "./wish-columns.js";

/** Memory of one policy's channel: what one thread hands to another. */
export interface ChannelBuffers {
  readonly words: SharedArrayBuffer;
  readonly wishes: SharedArrayBuffer;
  /** Tasks that the wishes have room for. */
  readonly capacity: number;
}

/** Indices of the channel's words. */
const word = {
  /** Counts what the policy's thread should look at; it sleeps on this word. */
  wake: 0,
  /** Generation of the snapshot that is asked about, and of the last one answered; the cycle sleeps on the latter. */
  asked: 1,
  answered: 2,
  /** 1 = the last answer is a failure. */
  failed: 3,
  /** How many snapshots were asked about, and how many answers came too late. */
  askedCount: 4,
  lateCount: 5,
} as const;
const words = 6;

/** Whose answer is used, whose is not there yet, and who has failed. */
export type Answer = "answered" | "late" | "failed";

/**
 * How the cycle asks a policy in another thread: through shared memory, since a message takes a thousand times as long.
 * The same class serves both ends, and the control thread, which watches.
 */
export class PolicyChannel {
  readonly wishes: WishColumns;
  readonly #words: Int32Array;

  constructor(readonly buffers: ChannelBuffers) {
    this.#words = new Int32Array(buffers.words);
    this.wishes = new WishColumns(buffers.wishes, buffers.capacity);
  }

  static allocate(capacity: number): PolicyChannel {
    return new PolicyChannel({
      words: new SharedArrayBuffer(words * 4),
      wishes: new SharedArrayBuffer(WishColumns.bytes(capacity)),
      capacity,
    });
  }

  get askedCount(): number {
    return Atomics.load(this.#words, word.askedCount);
  }
  get lateCount(): number {
    return Atomics.load(this.#words, word.lateCount);
  }
  /** Answers that came in time. */
  get punctualCount(): number {
    return this.askedCount - this.lateCount;
  }
  /** Is an answer owed? */
  get busy(): boolean {
    return this.asked !== this.answered;
  }
  get asked(): number {
    return Atomics.load(this.#words, word.asked);
  }
  get answered(): number {
    return Atomics.load(this.#words, word.answered);
  }

  /** Cycle: asks about the snapshot of this generation. */
  ask(generation: number): void {
    Atomics.store(this.#words, word.asked, generation);
    Atomics.add(this.#words, word.askedCount, 1);
    this.wake();
  }

  /** Cycle: waits for the answer, for `ms` at most. */
  await(generation: number, ms: number): Answer {
    const deadline = performance.now() + ms;
    for (;;) {
      const answered = this.answered;
      if (answered === generation) {
        return Atomics.load(this.#words, word.failed) === 1 ? "failed" : "answered";
      }
      const left = deadline - performance.now();
      if (left <= 0 || Atomics.wait(this.#words, word.answered, answered, left) === "timed-out") {
        if (this.answered === generation) continue;
        Atomics.add(this.#words, word.lateCount, 1);
        return "late";
      }
    }
  }

  /** Policy: `wishes` is filled for this generation, or it could not be. */
  answer(generation: number, failed: boolean): void {
    Atomics.store(this.#words, word.failed, failed ? 1 : 0);
    Atomics.store(this.#words, word.answered, generation);
    Atomics.notify(this.#words, word.answered);
  }

  /** Control: there is a message for the policy's thread. */
  wake(): void {
    Atomics.add(this.#words, word.wake, 1);
    Atomics.notify(this.#words, word.wake);
  }

  /** Policy: the count to sleep on, taken before looking for work, so that no wake-up is lost. */
  wakeCount(): number {
    return Atomics.load(this.#words, word.wake);
  }

  /** Policy: sleeps until there is something to look at. */
  sleep(wakeCount: number): void {
    Atomics.wait(this.#words, word.wake, wakeCount);
  }
}
