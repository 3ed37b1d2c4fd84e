import type { LogFields } from "../../../core/log.js";
import type { Wishes } from "../../../core/policies/policies.js";
import type { ScheduledHost } from "../../core/cycle/scheduled-host.js";
import { GuestThreads, type GuestThread } from "./guest-threads.js";

/** What became of a change that was due. */
export interface Attempt {
  readonly kind: "hold" | "release";
  readonly outcome: string;
}

/** A thread at the end of a tick, as its machine knows it, with what the scheduler wished and tried. */
export interface ThreadTruth extends GuestThread {
  /** Time that its program has got done in the interval before this tick, in ns. */
  readonly gainedNs: number;
  /** All policies together wish it held. */
  readonly wished: boolean;
  /** Undefined: nothing was due. */
  readonly attempt: Attempt | undefined;
}

export interface TickTruth {
  readonly timeNs: number;
  readonly threads: readonly ThreadTruth[];
}

/** Says what is true and what was wished, tick by tick. */
export class TruthTeller {
  readonly outcomes = new Map<string, number>();
  readonly #guests: GuestThreads;
  #before = new Map<object, number>();
  #wished = new Set<string>();

  constructor(private readonly scheduled: ScheduledHost) {
    this.#guests = new GuestThreads(scheduled.host.domains);
    scheduled.cycle.ticked = (wishes) => {
      this.#wished = this.#wishedNow(wishes);
    };
  }

  /** Lets the scheduler tick; to be called when an interval has passed. */
  tick(): TickTruth {
    const { cycle, logged, host } = this.scheduled;
    logged.length = 0;
    cycle.tick();
    const attempts = this.#attempts(logged);
    const now = new Map<object, number>();
    const threads = this.#guests.look().map((thread): ThreadTruth => {
      now.set(thread.key, thread.ranNs);
      const path = `${thread.domain}/${thread.tid}`;
      const gainedNs = thread.ranNs - (this.#before.get(thread.key) ?? 0);
      return { ...thread, gainedNs, wished: this.#wished.has(path), attempt: attempts.get(path) };
    });
    this.#before = now;
    return { timeNs: host.nowNs, threads };
  }

  /** Where threads stand when nobody ticks any more. */
  look(): readonly GuestThread[] {
    return this.#guests.look();
  }

  #wishedNow(wishes: Wishes): Set<string> {
    const wished = new Set<string>();
    for (const { name, processes } of this.scheduled.cycle.view().domains)
      for (const { threads } of processes)
        for (const { row, id } of threads) if (wishes.holds[row] === 1) wished.add(`${name}/${id}`);
    return wished;
  }

  #attempts(logged: readonly LogFields[]): ReadonlyMap<string, Attempt> {
    const attempts = new Map<string, Attempt>();
    for (const { event, domain, tid, outcome } of logged) {
      if (event !== "hold" && event !== "release" && event !== "priority") continue;
      const key = `${event} ${String(outcome)}`;
      this.outcomes.set(key, (this.outcomes.get(key) ?? 0) + 1);
      // A hold in two steps has two lines.
      if (event !== "priority")
        attempts.set(`${String(domain)}/${String(tid)}`, { kind: event, outcome: String(outcome) });
    }
    return attempts;
  }
}

/**
 * A hold that is wished and has not come to anything yet: the thread is still on its way, or the profile refused, perhaps because
 * the thread has been let go and its wake-up is under way.
 */
export function isLate({ wished, held, attempt }: ThreadTruth): boolean {
  if (!wished || !held) return wished;
  return attempt?.kind === "hold" && attempt.outcome !== "committed" && attempt.outcome !== "nothing to do";
}
