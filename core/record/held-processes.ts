import type { WishColumns } from "../policies/wish-columns.js";
import type { HostSnapshot, ProcessSnapshot } from "../policy.js";

/** A process of which threads are wished to be held: in the record, in the replay, or in both. */
export interface HeldProcess {
  readonly domain: string;
  readonly uuid: string;
  readonly pid: number;
  readonly name: string;
  /** Of its threads, so many are wished to be held. */
  readonly recorded: number;
  readonly replayed: number;
  readonly threads: number;
  /** They are not the same threads. */
  readonly differs: boolean;
  /** Why, by the replay, or else by the record. */
  readonly reason?: string;
}

/** The rows that are wished to be held, and why. */
export interface WishedRows {
  isWished(row: number): boolean;
  reason(row: number): string | undefined;
}

export const noWishes: WishedRows = { isWished: () => false, reason: () => undefined };

export function wishedRows(wishes: WishColumns): WishedRows {
  return {
    isWished: (row) => wishes.isWished(row),
    reason(row) {
      const number = wishes.reasonNumber(row);
      return number < 0 ? undefined : wishes.reason(number);
    },
  };
}

/** What all policies together wish; whose reason it is, a record does not tell. */
export function wishesInForce(holds: Uint8Array): WishedRows {
  return { isWished: (row) => holds[row] === 1, reason: () => undefined };
}

/** All processes that are wished to be held, in the order of the snapshot. */
export function heldProcesses(
  host: HostSnapshot,
  recorded: WishedRows,
  replayed: WishedRows,
): readonly HeldProcess[] {
  const held: HeldProcess[] = [];
  for (const { name: domain, uuid, processes } of host.domains) {
    for (const process of processes) {
      const one = compare(process, recorded, replayed);
      if (one !== undefined) held.push({ domain, uuid, pid: process.pid, name: process.name, ...one });
    }
  }
  return held;
}

function compare({ threads }: ProcessSnapshot, recorded: WishedRows, replayed: WishedRows) {
  let [before, now, differs] = [0, 0, false];
  let reason: string | undefined;
  for (const { row } of threads) {
    const [wasWished, isWished] = [recorded.isWished(row), replayed.isWished(row)];
    if (wasWished) before++;
    if (isWished) now++;
    if (wasWished !== isWished) differs = true;
    if (isWished) reason ??= replayed.reason(row);
    else if (wasWished) reason ??= recorded.reason(row);
  }
  if (before + now === 0) return undefined;
  const why = reason === undefined ? {} : { reason };
  return { recorded: before, replayed: now, threads: threads.length, differs, ...why };
}
