import type { PolicyChannel } from "./channel.js";

/** Late answers among so many asked that count as a fault. */
const windowTicks = 100;
const lateAllowed = 10;
/** A longer time between two looks is not all counted: whoever looks was kept from it, and perhaps the policy was too. */
const longestLookMs = 500;

/** Watches over one policy's answers from outside: what is too late too often, or does not come at all. */
export class Punctuality {
  #asked: number;
  #late: number;
  #owed: { readonly answered: number; lookedMs: number; forMs: number } | undefined;

  /** From now on. A policy that owes an answer for `hangMs` hangs. */
  constructor(
    private readonly channel: PolicyChannel,
    private readonly hangMs: number,
  ) {
    this.#asked = channel.askedCount;
    this.#late = channel.lateCount;
  }

  /** What is to be complained of at this time, if anything. To be asked a few times a second. */
  complaint(nowMs: number): string | undefined {
    const asked = this.channel.askedCount - this.#asked;
    const late = this.channel.lateCount - this.#late;
    if (late > lateAllowed) return `it was too late ${late} times in ${asked} ticks (policyDeadlineMs)`;
    if (asked >= windowTicks) {
      this.#asked += asked;
      this.#late += late;
    }
    const { answered, busy } = this.channel;
    if (!busy) this.#owed = undefined;
    else if (this.#owed?.answered !== answered) this.#owed = { answered, lookedMs: nowMs, forMs: 0 };
    else {
      this.#owed.forMs += Math.min(nowMs - this.#owed.lookedMs, longestLookMs);
      this.#owed.lookedMs = nowMs;
      if (this.#owed.forMs > this.hangMs) return `it did not answer for ${Math.round(this.#owed.forMs)} ms`;
    }
    return undefined;
  }
}
