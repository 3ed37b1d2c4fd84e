import { getRandomValues } from "node:crypto";
import type { CycleOptions } from "./cycle-options.js";

/** Ticks in a row that see nothing before the interval grows. */
const quietTicksBefore = 10;
/** Two ticks are no closer than this part of the interval, however they are moved. */
const closest = 0.1;

/** How ticks are set apart: what {@link CycleOptions} has of that. */
export type TickOptions = Pick<CycleOptions, "intervalNs" | "jitterPercent" | "slowestIntervalNs">;

/**
 * When the next tick is due. Ticks have their places on a grid, so that the time that one takes does not add up, and none that
 * was missed is made up for. Jitter moves each by up to so much of the interval to either side of its place, and not the grid, so
 * that the mean interval stays. While ticks see nothing the interval doubles, up to the slowest one.
 */
export class TickSchedule {
  /** Ticks that were due while the one before them was still under way, and never came. */
  missed = 0;
  #intervalNs: number;
  #placeNs: number;
  #quietTicks = 0;
  readonly #slowestNs: number;
  readonly #jitter: number;

  /** The first tick is due at `firstNs`, on the host clock. `random`: from 0 (included) to 1 (excluded). */
  constructor(
    private readonly options: TickOptions,
    firstNs: number,
    private readonly random: () => number = unguessable(),
  ) {
    this.#intervalNs = options.intervalNs;
    this.#placeNs = firstNs;
    this.#slowestNs = Math.max(options.intervalNs, options.slowestIntervalNs ?? 0);
    this.#jitter = (options.jitterPercent ?? 0) / 100;
  }

  /** Between the places of two ticks, as things are. */
  get intervalNs(): number {
    return this.#intervalNs;
  }

  /** May the interval grow? Only then does it matter whether a tick was quiet. */
  get slowsDown(): boolean {
    return this.#slowestNs > this.options.intervalNs;
  }

  /** The interval has grown. */
  get isSlow(): boolean {
    return this.#intervalNs > this.options.intervalNs;
  }

  /** After a tick that began and ended at these readings of the host clock, and saw nothing (`quiet`) or something: when the next one is due. */
  next(beganNs: number, endedNs: number, quiet: boolean): number {
    this.#adapt(quiet);
    const intervalNs = this.#intervalNs;
    const oversleptNs = beganNs - this.#placeNs;
    if (oversleptNs >= intervalNs) {
      // As after a suspend: the grid begins where it woke up, or a second tick would follow at once.
      this.missed += Math.floor(oversleptNs / intervalNs);
      this.#placeNs = beganNs;
    }
    const lateNs = endedNs - (this.#placeNs + intervalNs);
    if (lateNs >= intervalNs) this.missed += Math.floor(lateNs / intervalNs);
    this.#placeNs += intervalNs + Math.max(0, lateNs);
    const moved = this.#jitter === 0 ? 0 : this.#jitter * (2 * this.random() - 1) * intervalNs;
    return Math.max(this.#placeNs + moved, this.#jitter === 0 ? 0 : beganNs + closest * intervalNs);
  }

  /** Something has come at `nowNs` that the next tick is to see at once, and those after it at the usual interval. */
  hurry(nowNs: number): void {
    this.#adapt(false);
    this.#placeNs = nowNs;
  }

  #adapt(quiet: boolean): void {
    this.#quietTicks = quiet ? this.#quietTicks + 1 : 0;
    if (!quiet) this.#intervalNs = this.options.intervalNs;
    else if (this.#quietTicks > quietTicksBefore)
      this.#intervalNs = Math.min(2 * this.#intervalNs, this.#slowestNs);
  }
}

/** Fractions from the system's own random source: no guest can tell from those that it has noticed which come next. */
function unguessable(): () => number {
  const drawn = new Uint32Array(256);
  let used = drawn.length;
  return () => {
    if (used === drawn.length) {
      getRandomValues(drawn);
      used = 0;
    }
    return (drawn[used++] ?? 0) / 2 ** 32;
  };
}
