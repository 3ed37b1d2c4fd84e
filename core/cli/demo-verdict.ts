import type { ProcessRecord } from "./demo-record.js";

/** The policy's promise, as shares of the ticks that a background process could have had. */
export const promise = { whileBusyAtMost: 0.02, whileIdleAtLeast: 0.8 } as const;

/** The scheduler may take this many intervals to follow a change; they are not judged. */
export const reactionIntervals = 3;

/** From this share of one CPU on, work in another domain makes an interval a busy one. */
const busyShare = 0.2;
/** Fewer intervals of one kind prove nothing. */
const fewestIntervals = 10;

/** Ticks gained of those that were to be had. */
export interface Share {
  readonly gained: number;
  readonly available: number;
}

export interface ProcessVerdict {
  readonly domain: string;
  readonly process: string;
  readonly whileBusy: Share;
  readonly whileIdle: Share;
  readonly kept: boolean;
}

/** Judges every background process by nothing but the guests' counters. */
export function verdicts(
  records: readonly ProcessRecord[],
  ticksPerInterval: number,
): readonly ProcessVerdict[] {
  return records
    .filter((record) => record.role === "background")
    .map((record) => {
      const others = records.filter((other) => other.role === "foreground" && other.domain !== record.domain);
      const busy = record.ticks.map((_, i) =>
        others.some((other) => (other.ticks[i] ?? 0) >= busyShare * ticksPerInterval),
      );
      const available = ticksPerInterval * record.cpus;
      const whileBusy = share(record, steady(busy, true), available);
      const whileIdle = share(record, steady(busy, false), available);
      const enough = Math.min(whileBusy.available, whileIdle.available) >= fewestIntervals * available;
      const kept =
        enough && ratio(whileBusy) <= promise.whileBusyAtMost && ratio(whileIdle) >= promise.whileIdleAtLeast;
      return { domain: record.domain, process: record.process, whileBusy, whileIdle, kept };
    });
}

export function ratio({ gained, available }: Share): number {
  return available === 0 ? Number.NaN : gained / available;
}

/** The intervals that are `wanted`, and were so for the whole reaction time before. */
function steady(busy: readonly boolean[], wanted: boolean): readonly number[] {
  return [...busy.keys()].filter((i) => {
    return (
      i >= reactionIntervals && busy.slice(i - reactionIntervals, i + 1).every((each) => each === wanted)
    );
  });
}

function share(record: ProcessRecord, intervals: readonly number[], availableEach: number): Share {
  const gained = intervals.reduce((sum, i) => sum + (record.ticks[i] ?? 0), 0);
  return { gained, available: intervals.length * availableEach };
}
