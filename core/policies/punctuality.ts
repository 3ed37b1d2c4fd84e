import type { PolicyChannel } from "./channel.js";

/** Late answers among so many asked that count as a fault. */
const windowTicks = 100;
const lateAllowed = 10;

/** Watches over one policy's answers from outside: what is too late too often, or does not come at all. */
export class Punctuality {
  #asked = 0;
  #late = 0;
  #owed: { readonly answered: number; readonly sinceMs: number } | undefined;

  /** A policy that owes an answer for `hangMs` hangs. */
  constructor(
    private readonly channel: PolicyChannel,
    private readonly hangMs: number,
  ) {}

  /** What is to be complained of at this time, if anything. To be asked a few times a second. */
  complaint(nowMs: number): string | undefined {
    const asked = this.channel.askedCount - this.#asked;
    const late = this.channel.lateCount - this.#late;
    if (late > lateAllowed)
      return `it was too late ${String(late)} times in ${String(asked)} ticks (policyDeadlineMs)`;
    if (asked >= windowTicks) {
      this.#asked += asked;
      this.#late += late;
    }
    const { answered } = this.channel;
    if (!this.channel.busy) this.#owed = undefined;
    else if (this.#owed?.answered !== answered) this.#owed = { answered, sinceMs: nowMs };
    else if (nowMs - this.#owed.sinceMs > this.hangMs)
      return `it did not answer for ${String(Math.round(nowMs - this.#owed.sinceMs))} ms`;
    return undefined;
  }
}
