import assert from "node:assert/strict";
import type { SeenThread } from "./hand.js";
import { isHeld, threadsOf, type RunningWork } from "./works.js";
import type { WorkFigures } from "./cycles.js";

const heldMs = 15;

/** What a work's threads are to be tried for until the next look. */
export interface Wanted {
  readonly kind: "hold" | "release" | "nothing";
  readonly threads: readonly SeenThread[];
}

const nothing: Wanted = { kind: "nothing", threads: [] };

/** One work that is held and released again and again at its own pace, whatever becomes of the others. */
export class Turn {
  #phase: "holding" | "held" | "releasing" = "holding";
  #since = performance.now();
  /** At the look before; empty at the first look of a phase. */
  #before: readonly SeenThread[] = [];
  #left: number;

  constructor(
    private readonly running: RunningWork,
    private readonly figures: WorkFigures,
    cycles: number,
  ) {
    this.#left = cycles;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  /** For how long it has waited to be held, or to run again; 0 between two cycles and while it is held. */
  get waitedMs(): number {
    return this.done || this.#phase === "held" ? 0 : performance.now() - this.#since;
  }

  /** What it waits for, in words. */
  get lacking(): string {
    return this.#phase === "holding" ? "was not held" : "did not run again";
  }

  /** Takes a look at all threads into account, and tells what to try next. */
  look(all: readonly SeenThread[]): Wanted {
    if (this.done) return nothing;
    const threads = threadsOf(this.running, all);
    if (this.#phase === "holding") return this.#hold(threads);
    if (this.#phase === "releasing") return this.#release(threads);
    // The look that found them held may have read their CPU times before they were: the guest runs meanwhile.
    if (this.#before.length === 0) this.#enter("held", threads);
    if (performance.now() - this.#since < heldMs) return nothing;
    for (const thread of this.#before) {
      const used = gained(thread, threads);
      if (used !== 0)
        this.figures.failures.push(`thread ${String(thread.id)} used ${String(used)} ns while held`);
    }
    this.#enter("releasing", threads);
    return this.#release(threads);
  }

  #hold(threads: readonly SeenThread[]): Wanted {
    // Two looks in a row that find them so: one alone may have met a thread asleep and then the one that woke it.
    const settled = this.#before.length > 0 && this.#before.every((thread) => gained(thread, threads) === 0);
    if (settled && isHeld(this.running, threads)) {
      this.figures.holdMs.push(performance.now() - this.#since);
      this.#enter("held", []);
      return nothing;
    }
    this.#before = threads;
    return { kind: "hold", threads: threads.filter(({ hold }) => hold !== "held") };
  }

  #release(threads: readonly SeenThread[]): Wanted {
    const ranAgain = this.#before.every(
      (thread) => !this.running.workers.has(thread.id) || gained(thread, threads) > 0,
    );
    if (!ranAgain || threads.some(({ hold }) => hold !== "none"))
      return { kind: "release", threads: threads.filter(({ hold }) => hold !== "none") };
    this.figures.releaseMs.push(performance.now() - this.#since);
    if (this.figures.failures.length === 0) this.figures.cycles++;
    this.#left--;
    this.#enter("holding", []);
    return nothing;
  }

  #enter(phase: "holding" | "held" | "releasing", before: readonly SeenThread[]): void {
    this.#phase = phase;
    this.#since = performance.now();
    this.#before = before;
  }
}

/** CPU time in ns that a thread has used since `before`. */
export function gained(before: SeenThread, now: readonly SeenThread[]): number {
  const found = now.find(({ id }) => id === before.id);
  assert.ok(found !== undefined, `thread ${String(before.id)} has gone`);
  return found.cpuTimeNs - before.cpuTimeNs;
}
