import type { Thread } from "./thread.js";

/** Sleeping threads of one CPU by the time at which they wake: its hrtimer base. */
export class Timers {
  readonly #sleepers: Thread[] = [];

  /** When the next one expires. */
  get nextNs(): number {
    return this.#sleepers[0]?.expiresNs ?? Number.POSITIVE_INFINITY;
  }

  start(thread: Thread): void {
    if (!Number.isFinite(thread.expiresNs)) return;
    let at = this.#sleepers.length;
    while (at > 0 && (this.#sleepers[at - 1]?.expiresNs ?? 0) > thread.expiresNs) at--;
    this.#sleepers.splice(at, 0, thread);
  }

  cancel(thread: Thread): void {
    const at = this.#sleepers.indexOf(thread);
    if (at >= 0) this.#sleepers.splice(at, 1);
  }

  /** Takes the first one that has expired. */
  expired(nowNs: number): Thread | undefined {
    return this.nextNs <= nowNs ? this.#sleepers.shift() : undefined;
  }
}
