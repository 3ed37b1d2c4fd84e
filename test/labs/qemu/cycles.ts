import assert from "node:assert/strict";
import type { Guest } from "../guest.js";
import { sleepMs } from "../vmmsched-log.js";
import type { Hand, Note, SeenThread } from "./hand.js";
import { toldGains } from "./told.js";
import { gained, Turn } from "./turn.js";
import { isHeld, threadsOf, type RunningWork, type Work } from "./works.js";

const heldMs = 15;
const stepMs = 1;
const patienceMs = 120_000;
const toldSeconds = 0.5;

/** What holding one work again and again came to. */
export interface WorkFigures {
  /** Cycles in which it was held, used nothing, and ran again. */
  cycles: number;
  /** Cycles of which the guest told itself. */
  told: number;
  /** What went wrong. */
  readonly failures: string[];
  /** From the first wish to the last thread that was held; from the release until all had run again. */
  readonly holdMs: number[];
  readonly releaseMs: number[];
  /** What kept a change from being made, and how often. */
  readonly notNow: Map<string, number>;
}

export function emptyFigures(): WorkFigures {
  return { cycles: 0, told: 0, failures: [], holdMs: [], releaseMs: [], notNow: new Map() };
}

/** Works of one guest that are held and released, together or each at its own pace, with the figures of each. */
export class Cycles {
  readonly #figures: readonly WorkFigures[];
  readonly #pids: readonly number[];
  readonly #note: Note;

  constructor(
    private readonly guest: Guest,
    private readonly hand: Hand,
    private readonly running: readonly RunningWork[],
  ) {
    this.#figures = running.map(emptyFigures);
    this.#pids = running.flatMap(({ pids }) => pids);
    this.#note = ({ process }, outcome) => {
      if (outcome === "committed" || outcome === "nothing to do") return;
      const notNow = this.#figures[running.findIndex(({ pids }) => pids.includes(process))]?.notNow;
      notNow?.set(outcome, (notNow.get(outcome) ?? 0) + 1);
    };
  }

  /** Holds all, looks for a while whether they use anything, releases all, and waits until all have run again. */
  async once(told: boolean): Promise<void> {
    const held = await this.hold();
    const gains = told
      ? await toldGains(
          this.guest,
          held.map(({ id }) => id),
          toldSeconds,
        )
      : undefined;
    if (!told) await sleepMs(heldMs);
    const still = this.hand.threads(this.#pids);
    for (const [index, running] of this.running.entries()) {
      const { failures } = this.#figuresOf(index);
      for (const thread of threadsOf(running, held)) {
        const used = gained(thread, still);
        if (used !== 0) failures.push(`thread ${String(thread.id)} used ${String(used)} ns while held`);
        const toldOf = gains?.get(thread.id);
        if (toldOf !== undefined) failures.push(toldOf);
      }
      if (told) this.#figuresOf(index).told++;
    }
    await this.release(still);
  }

  /** Holds and releases each work so many times, at its own pace. Not told by the guest. */
  async apart(cycles: number): Promise<void> {
    const turns = this.running.map((running, index) => new Turn(running, this.#figuresOf(index), cycles));
    while (turns.some(({ done }) => !done)) {
      const threads = this.hand.threads(this.#pids);
      const wanted = turns.map((turn) => turn.look(threads));
      const those = (kind: "hold" | "release") =>
        wanted.flatMap((one) => (one.kind === kind ? one.threads : []));
      this.hand.stepBoth(those("hold"), those("release"), this.#note);
      const late = turns.map((turn) => turn.waitedMs > patienceMs);
      const lacking = turns.find((_turn, index) => late[index])?.lacking;
      if (lacking !== undefined)
        this.#giveUp(
          lacking,
          late.map((is) => (is ? undefined : 0)),
          threads,
        );
      await sleepMs(stepMs);
    }
  }

  /** Holds all, and returns them as they are from then on. */
  async hold(): Promise<readonly SeenThread[]> {
    const since = performance.now();
    const heldAt: (number | undefined)[] = this.running.map(() => undefined);
    let before: readonly SeenThread[] = [];
    for (;;) {
      const threads = this.hand.threads(this.#pids);
      assert.equal(threads.length, before.length === 0 ? threads.length : before.length, "a thread has gone");
      for (const [index, running] of this.running.entries())
        heldAt[index] = isHeld(running, threads) ? (heldAt[index] ?? performance.now() - since) : undefined;
      // Two looks in a row that find them so: one alone may have met a thread asleep and then the one that woke it.
      const settled = before.length > 0 && before.every((thread) => gained(thread, threads) === 0);
      if (settled && !heldAt.includes(undefined)) {
        for (const [index, ms] of heldAt.entries()) this.#figuresOf(index).holdMs.push(ms ?? 0);
        // This look may have read their CPU times before they were held: the guest runs meanwhile.
        return this.hand.threads(this.#pids);
      }
      if (performance.now() - since > patienceMs) this.#giveUp("was not held", heldAt, threads);
      this.hand.step(
        "hold",
        threads.filter(({ hold }) => hold !== "held"),
        this.#note,
      );
      before = threads;
      await sleepMs(stepMs);
    }
  }

  /** Releases all, and waits until every thread that works has worked since `held`. */
  async release(held: readonly SeenThread[]): Promise<void> {
    const since = performance.now();
    const ranAt: (number | undefined)[] = this.running.map(() => undefined);
    for (;;) {
      const threads = this.hand.threads(this.#pids);
      for (const [index, running] of this.running.entries()) {
        const ranAgain = threadsOf(running, held).every(
          (thread) => !running.workers.has(thread.id) || gained(thread, threads) > 0,
        );
        const free = threadsOf(running, threads).every(({ hold }) => hold === "none");
        if (ranAgain && free) ranAt[index] ??= performance.now() - since;
      }
      if (!ranAt.includes(undefined)) break;
      if (performance.now() - since > patienceMs) this.#giveUp("did not run again", ranAt, threads);
      this.hand.step(
        "release",
        threads.filter(({ hold }) => hold !== "none"),
        this.#note,
      );
      await sleepMs(stepMs);
    }
    for (const [index, ms] of ranAt.entries()) {
      const figures = this.#figuresOf(index);
      figures.releaseMs.push(ms ?? 0);
      if (figures.failures.length === 0) figures.cycles++;
    }
  }

  /** Each work with its figures. */
  all(): readonly (readonly [Work, WorkFigures])[] {
    return this.running.map(({ work }, index) => [work, this.#figuresOf(index)]);
  }

  #figuresOf(index: number): WorkFigures {
    const found = this.#figures[index];
    assert.ok(found !== undefined);
    return found;
  }

  /** Notes it for those that have no time yet, and throws. */
  #giveUp(what: string, times: readonly (number | undefined)[], threads: readonly SeenThread[]): never {
    const late = this.running.filter((_running, index) => times[index] === undefined);
    for (const [index, running] of this.running.entries())
      if (late.includes(running))
        this.#figuresOf(index).failures.push(`${what} within ${String(patienceMs / 1000)} s`);
    const left = late.flatMap((running) => threadsOf(running, threads));
    throw new Error([...this.#failures(), JSON.stringify(left)].join("\n"));
  }

  /** All that went wrong, in words. */
  #failures(): readonly string[] {
    return this.running.flatMap(({ work }, index) =>
      this.#figuresOf(index).failures.map((failure) => `${work.name}: ${failure}`),
    );
  }

  assertNoFailure(): void {
    assert.deepEqual(this.#failures(), []);
  }
}
