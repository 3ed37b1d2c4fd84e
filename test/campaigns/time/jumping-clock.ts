import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../../core/clock.js";
import type { Random } from "../../../core/testing/random.js";
import type { SimulatedHost } from "../../../native/simulated/index.js";

/** What the clocks of a host do between two ticks. */
export const clockEvents = [
  "calendar jumps",
  "suspended with its guests",
  "scheduler stopped",
  "slow tick",
] as const;
export type ClockEvent = (typeof clockEvents)[number];

const longestGapNs = 30e9;
const longestJumpMs = 48 * 3600e3;

/**
 * The clocks of a simulated host. The monotonic one goes on while the scheduler is stopped, with its guests running or not; the
 * calendar is set to and fro.
 */
export class JumpingClock implements Clock {
  readonly counts = new Map<ClockEvent, number>();
  /** How probably something happens in a sleep. */
  chance = 0;
  #aheadNs = 0;
  #calendarMs = 0;

  constructor(
    private readonly host: SimulatedHost,
    private readonly random: Random,
  ) {}

  nowNs(): number {
    return this.host.nowNs + this.#aheadNs;
  }

  wallTime() {
    return { wallTimeMs: this.nowNs() / 1e6 + this.#calendarMs, utcOffsetMinutes: 0 };
  }

  /** Ends when it is to, or late. */
  async sleep(ns: number): Promise<void> {
    this.host.advance(ns);
    if (this.random.chance(this.chance)) this.#happens(this.random.pick(clockEvents));
    await setImmediate();
  }

  #happens(event: ClockEvent): void {
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
    const gapNs = Math.round(this.random.fraction() ** 3 * longestGapNs);
    switch (event) {
      case "calendar jumps":
        this.#calendarMs += (2 * this.random.fraction() - 1) * longestJumpMs;
        break;
      case "suspended with its guests":
        this.#aheadNs += gapNs;
        break;
      case "scheduler stopped":
        this.host.advance(gapNs);
        break;
      case "slow tick":
        this.host.advance(this.random.below(200e6));
        break;
    }
  }
}
