import { setTimeout as sleep } from "node:timers/promises";
import type { Edit } from "./observation.js";

/** The steps of an edit that takes some time. */
export class Steps {
  #longestMs = 0;
  #beforeMs = performance.now();

  constructor(private readonly mark: number) {}

  async pause(ms: number): Promise<void> {
    await sleep(ms);
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#beforeMs);
    this.#beforeMs = nowMs;
  }

  /** All steps are done. `withinMs`: what takes longer between two of them may be seen in pieces. */
  done(withinMs = Number.POSITIVE_INFINITY): Edit {
    const longestMs = Math.max(this.#longestMs, performance.now() - this.#beforeMs);
    return { mark: this.mark, writtenMs: Date.now(), inPieces: longestMs > withinMs };
  }
}
