/** When a version that failed is started again. */
export interface BackOff {
  /** After the first failure; after each of the next ones twice the time before. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** Then it is given up. */
  readonly tries: number;
}

/** The next restart of a policy, and how many there have been for failures that are not forgiven. */
export class Restarts {
  #tries = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly backOff: BackOff) {}

  /** Is one to come, or under way? */
  get pending(): boolean {
    return this.#timer !== undefined;
  }
  get exhausted(): boolean {
    return this.#tries >= this.backOff.tries;
  }

  /** Calls `restart` after the next waiting time; not when it has been tried often enough. */
  plan(restart: () => Promise<void>): void {
    this.cancel();
    if (this.exhausted) return;
    const { firstMs, longestMs } = this.backOff;
    const waitMs = Math.min(firstMs * 2 ** this.#tries++, longestMs);
    const timer = setTimeout(() => {
      void restart().finally(() => {
        // A restart that failed may have planned the next one.
        if (this.#timer === timer) this.#timer = undefined;
      });
    }, waitMs);
    this.#timer = timer;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** What failed before counts no more. */
  forgive(): void {
    this.#tries = 0;
  }
}
