import { basename } from "node:path";

/** After the last event of one file; and of several, which come as fast as git or cp writes them. */
const quietMs = { one: 30, several: 100 } as const;
/** A batch is not put off any longer, whatever goes on. */
const longestMs = 1000;

/**
 * Looks at the outcome of a batch of events. `patient`: may it still wait? Returns for how many milliseconds it wants to;
 * 0 when all is done.
 */
export type Settle = (patient: boolean) => number;

/** Gathers events until they are over, then settles them as one batch. */
export class Settling implements Disposable {
  readonly #files = new Set<string>();
  #several = false;
  #firstMs: number | undefined;
  #lastMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(private readonly settle: Settle) {}

  /** Something happened to `file`. `several`: more are bound to come. */
  heard(file: string, several = false): void {
    this.#several ||= several;
    // Temporary files and backups of editors are no second file.
    if (/^[^.].*\.(?:js|ts|json)$/.test(basename(file))) this.#files.add(file);
    this.#lastMs = performance.now();
    this.#firstMs ??= this.#lastMs;
    this.#arm(Math.min(this.#quietMs, this.#firstMs + longestMs - this.#lastMs));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  get #quietMs(): number {
    return this.#several || this.#files.size > 1 ? quietMs.several : quietMs.one;
  }

  #arm(delayMs: number): void {
    this[Symbol.dispose]();
    this.#timer = setTimeout(
      () => {
        // Events that wait already are heard first: on a busy computer the timer may be as late as they are.
        this.#immediate = setImmediate(() => this.#fire());
      },
      Math.max(Math.ceil(delayMs), 0),
    );
  }

  #fire(): void {
    const nowMs = performance.now();
    const late = nowMs - (this.#firstMs ?? nowMs) >= longestMs;
    const restMs = this.#lastMs + this.#quietMs - nowMs;
    if (restMs > 0 && !late) {
      this.#arm(restMs);
      return;
    }
    const waitMs = this.settle(!late);
    if (late || waitMs === 0) {
      this.#firstMs = waitMs === 0 ? undefined : nowMs;
      this.#files.clear();
      this.#several = false;
    }
    if (waitMs > 0) this.#arm(waitMs);
  }
}
