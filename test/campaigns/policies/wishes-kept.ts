import { msOf, nameOf, Violations, type Judge } from "./judge.js";
import { isLate, type ThreadTruth, type TickTruth } from "./tick-truth.js";

/** What a thread may still do after a hold: the end of a system call. */
const endOfCallNs = 1e6;
/** A guest is in the midst of something at one tick in ten; so often in a row nothing but a fault keeps it there. */
const mostTries = 12;
/** A thread of Windows beside others that work for moments only is back on its processor before the next tick, and seldom met off it. */
const mostWindowsTries = 100;

interface Memory {
  readonly heldBefore: boolean;
  /** What became of its hold, at each of the ticks in a row at which it was tried in vain while it ran on. */
  readonly holdTries: readonly string[];
  /** Ticks in a row at which its release was tried in vain. */
  readonly releaseTries: number;
}

/**
 * No wish is lost. By the guests' own truth, tick by tick and for every thread that may be edited:
 *
 * - Whoever is wished held stands when the tick is over, or else the scheduler has tried at this very tick. One that runs on is
 *   tried in vain no more than 12 times in a row (the profile refused), in Windows 100 times (it left its processor and was back).
 * - Whoever stands does not get done more than the end of a system call until the next tick.
 * - What a refusal says is so: in a Linux guest, that the thread sleeps, is in the kernel, or that a lock is held.
 * - Whoever is not wished held does not stand when the tick is over, or else the scheduler has tried to let it go at this
 *   very tick, and no more than 12 times in a row.
 * - Threads of the kernel and of processes without which a guest stops never stand.
 */
export class WishesKept implements Judge {
  readonly violations = new Violations();
  #memories = new Map<object, Memory>();
  #wishedTicks = 0;
  #lateTicks = 0;
  /** By operating system. */
  readonly #mostHoldTries = new Map<string, readonly string[]>();
  #mostReleaseTries = 0;
  #mostWhileHeldNs = 0;

  look({ timeNs, threads }: TickTruth): void {
    const memories = new Map<object, Memory>();
    for (const thread of threads) {
      if (thread.untouchable) {
        if (thread.held) this.violations.add(timeNs, `${nameOf(thread)} is held, and must never be`);
      } else memories.set(thread.key, this.#judge(thread, this.#memories.get(thread.key), timeNs));
    }
    this.#memories = memories;
  }

  get tested(): boolean {
    return this.#wishedTicks > this.#lateTicks && this.#lateTicks > 0;
  }

  get figures(): readonly string[] {
    return [
      `wishes: ${this.#wishedTicks} holds of a thread for a tick; at ${this.#lateTicks} of them it did not stand yet`,
      ...Array.from(
        this.#mostHoldTries,
        ([os, tries]) =>
          `the longest that one ran on in ${os}: ${tries.length} ticks (${[...new Set(tries)].join(", ")})`,
      ),
      `the longest that a release took: ${this.#mostReleaseTries} ticks`,
      `in an interval at whose beginning it stood, nobody got done more than ${msOf(this.#mostWhileHeldNs)}`,
    ];
  }

  #judge(thread: ThreadTruth, before: Memory | undefined, timeNs: number): Memory {
    const { wished, held, gainedNs, attempt } = thread;
    const complain = (text: string) => {
      this.violations.add(timeNs, `${nameOf(thread)} ${text}`);
    };
    const ranOn = gainedNs > endOfCallNs;
    if (before?.heldBefore === true) {
      this.#mostWhileHeldNs = Math.max(this.#mostWhileHeldNs, gainedNs);
      if (ranOn) complain(`is held, and got done ${msOf(gainedNs)}`);
    }
    if (wished) this.#wishedTicks++;
    const late = isLate(thread);
    if (late) {
      this.#lateTicks++;
      if (attempt?.kind !== "hold") complain("is wished held and runs, and nobody has tried");
      else if (isFalse(attempt.outcome, thread)) complain(`is not held: ${attempt.outcome}, which is not so`);
    }
    const holdTries = late ? [...(ranOn ? (before?.holdTries ?? []) : []), attempt?.outcome ?? ""] : [];
    if (holdTries.length > (this.#mostHoldTries.get(thread.os)?.length ?? 0))
      this.#mostHoldTries.set(thread.os, holdTries);
    if (holdTries.length > (thread.os === "windows" ? mostWindowsTries : mostTries))
      complain(`is tried to hold again and again: ${[...new Set(holdTries)].join(", ")}`);
    const left = held && !wished;
    if (left && attempt?.kind !== "release")
      complain("stands, though nobody wishes it, and nobody has tried");
    const releaseTries = left ? (before?.releaseTries ?? 0) + 1 : 0;
    this.#mostReleaseTries = Math.max(this.#mostReleaseTries, releaseTries);
    if (releaseTries > mostTries) complain(`is tried to let go again and again: ${attempt?.outcome ?? ""}`);
    return { heldBefore: wished && !late, holdTries, releaseTries };
  }
}

/**
 * Is what the profile gave as its reason contradicted by the guest? What the profile for Windows looks at is more than the
 * thread: any processor in the kernel keeps it from all threads.
 */
function isFalse(outcome: string, { os, wants, inKernel, besideLocks }: ThreadTruth): boolean {
  if (os === "windows") return false;
  switch (outcome) {
    case "asleep":
      return wants;
    case "kernel mode":
      return !inKernel;
    case "lock held":
    case "migrating":
      return !besideLocks;
    default:
      return false;
  }
}
