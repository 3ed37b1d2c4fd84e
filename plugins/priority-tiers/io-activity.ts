import type { ProcessSnapshot } from "vmmsched/plugin-api";

/** What is remembered of what a process reads and writes. Plain data. */
export interface IoMemory {
  /** In all, as it was at the last tick. */
  ioBytes: number;
  /** Mean over some ticks, so that a line in a log is no work for a disk. */
  ioBytesPerSecond: number;
  /** It reads or writes, or waits to. Undefined where its guest does not tell. */
  doesIo: boolean | undefined;
}

export const noIo: IoMemory = { ioBytes: 0, ioBytesPerSecond: 0, doesIo: false };

/** Ticks over which rates are averaged. */
const meanTicks = 8;
/** Less is no work for a disk. */
const leastBytesPerSecond = 65_536;

/** One that is slowed down counts its requests rarely, but waits for them. */
export function noteIo(memory: IoMemory, { threads }: ProcessSnapshot, intervalNs: number): void {
  const bytes = threads.reduce(
    (sum, { readBytes = NaN, writtenBytes = NaN }) => sum + readBytes + writtenBytes,
    0,
  );
  if (Number.isNaN(bytes)) {
    memory.doesIo = undefined;
    return;
  }
  // Threads that end take their bytes along.
  const rate = intervalNs > 0 ? (1e9 * Math.max(0, bytes - memory.ioBytes)) / intervalNs : 0;
  memory.ioBytes = bytes;
  memory.ioBytesPerSecond += (rate - memory.ioBytesPerSecond) / meanTicks;
  const waits = threads.some(({ state, hold }) => state === "blocked" && hold === "none");
  memory.doesIo = waits || memory.ioBytesPerSecond > leastBytesPerSecond;
}
