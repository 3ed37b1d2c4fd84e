import type { TickTruth } from "./tick-truth.js";

/** Watches over one invariant. */
export interface Judge {
  /** To be called after every tick. */
  look(tick: TickTruth): void;
  /** How often it was broken, and the first times in words. */
  readonly violations: Violations;
  /** Has it seen what can break the invariant, so that its silence says something? */
  readonly tested: boolean;
  /** What it has seen, in words. */
  readonly figures: readonly string[];
}

/** The first ones are enough to find out why. */
const mostTold = 10;

export class Violations {
  count = 0;
  readonly told: string[] = [];

  add(timeNs: number, text: string): void {
    if (this.count++ < mostTold) this.told.push(`${(timeNs / 1e9).toFixed(2)} s: ${text}`);
  }
}

export const nameOf = ({ domain, name, tid }: { domain: string; name: string; tid: number }) =>
  `${name} (${tid}) in ${domain}`;

export const msOf = (ns: number) => `${(ns / 1e6).toFixed(1)} ms`;
