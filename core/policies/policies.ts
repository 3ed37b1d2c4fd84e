import type { WishColumns } from "./wish-columns.js";

/** What all policies together wish in one tick, by row of the snapshot. */
export class Wishes {
  /** 1 = this task is wished to be held. */
  readonly holds: Uint8Array;
  /** Who wishes it, and why; only where `holds` is 1. */
  readonly reasons: string[] = [];

  constructor(capacity: number) {
    this.holds = new Uint8Array(capacity);
  }

  clear(rows: number): void {
    this.holds.fill(0, 0, rows);
  }

  /** Adds what one policy wishes. Where several wish the same, the last one's reason stays. */
  add(policy: string, wished: WishColumns, rows: number): void {
    const texts: string[] = [];
    for (let row = 0; row < rows; row++) {
      if (!wished.isWished(row)) continue;
      const number = wished.reasonNumber(row);
      this.holds[row] = 1;
      this.reasons[row] = number < 0 ? policy : (texts[number] ??= `${policy}: ${wished.reason(number)}`);
    }
  }
}

/** The active policies, as the cycle knows them. */
export interface Policies {
  /** Asks all of them about the snapshot that was just taken and fills `wishes`. Never throws for what a policy does. */
  decide(wishes: Wishes): void;
}
export const Policies = Symbol("Policies");
