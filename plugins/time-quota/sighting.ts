import type { HostSnapshot, ProcessSnapshot } from "vmmsched/plugin-api";

/** Two readings of the host's clock differ by less than a tick. */
const sameTimeNs = 1000;

/** A process as it was last seen. */
export interface Sighting {
  readonly timeNs: number;
  /** Of each thread, its id and the CPU time that its guest had accounted to it: kept of all at every tick, looked at rarely. */
  readonly threads: readonly number[];
}

export function sightingOf(process: ProcessSnapshot, timeNs: number): Sighting {
  return { timeNs, threads: process.threads.flatMap(({ id, cpuTimeNs }) => [id, cpuTimeNs]) };
}

/**
 * CPU time that it used since it was last seen, in ns, if `part` of what its guest accounted in the last interval is true. Not
 * every tick shows it: an answer of ours may have been too late, or its guest not readable, and then the last interval is not
 * all. Time that a guest takes back is no credit: nobody buys time by a clock that falls.
 */
export function usedSince(
  before: Sighting | undefined,
  process: ProcessSnapshot,
  { timeNs, intervalNs }: HostSnapshot,
  part: number,
): number {
  if (before === undefined || timeNs - before.timeNs <= intervalNs + sameTimeNs)
    return part * process.threads.reduce((sum, { cpuTimeDeltaNs }) => sum + Math.max(0, cpuTimeDeltaNs), 0);
  const thenNs = new Map<number, number>();
  for (let i = 0; i < before.threads.length; i += 2)
    thenNs.set(before.threads[i] ?? 0, before.threads[i + 1] ?? 0);
  return process.threads.reduce(
    (sum, { id, cpuTimeNs }) => sum + Math.max(0, cpuTimeNs - (thenNs.get(id) ?? 0)),
    0,
  );
}
