import { noNice } from "../nice.js";
import type { WishColumns } from "../policies/wish-columns.js";
import type { HostSnapshot, ProcessSnapshot } from "../policy.js";
import type { RecordedTick } from "./record-reader.js";

/** A process for whose threads something is wished: in the record, in the replay, or in both. */
export interface WishedProcess {
  readonly domain: string;
  readonly uuid: string;
  readonly pid: number;
  readonly name: string;
  /** Of its threads, so many are wished to be held. */
  readonly recorded: number;
  readonly replayed: number;
  readonly threads: number;
  /** The greatest nice value that is wished for one of them; missing: none. */
  readonly recordedNice?: number;
  readonly replayedNice?: number;
  /** They are not the same threads, or one is wished another nice value. */
  readonly differs: boolean;
  /** Why, by the replay, or else by the record. */
  readonly reason?: string;
}

/** What is wished for each row, and why. */
export interface WishedRows {
  isHeld(row: number): boolean;
  /** Or `noNice`. */
  nice(row: number): number;
  reason(row: number): string | undefined;
}

export const noWishes: WishedRows = {
  isHeld: () => false,
  nice: () => noNice,
  reason: () => undefined,
};

export function wishedRows(wishes: WishColumns): WishedRows {
  const text = (number: number) => (number < 0 ? undefined : wishes.reason(number));
  return {
    isHeld: (row) => wishes.isHoldWished(row),
    nice: (row) => wishes.nice(row),
    reason: (row) => text(wishes.holdReason(row)) ?? text(wishes.niceReason(row)),
  };
}

/** What all policies together wish; whose reason it is, a record does not tell. */
export function wishesInForce({ holds, nices }: Pick<RecordedTick, "holds" | "nices">): WishedRows {
  return {
    isHeld: (row) => holds[row] === 1,
    nice: (row) => nices[row] ?? noNice,
    reason: () => undefined,
  };
}

/** All processes for which something is wished, in the order of the snapshot. */
export function wishedProcesses(
  host: HostSnapshot,
  recorded: WishedRows,
  replayed: WishedRows,
): readonly WishedProcess[] {
  const wished: WishedProcess[] = [];
  for (const { name: domain, uuid, processes } of host.domains) {
    for (const process of processes) {
      const one = compare(process, recorded, replayed);
      if (one !== undefined) wished.push({ domain, uuid, pid: process.pid, name: process.name, ...one });
    }
  }
  return wished;
}

function compare({ threads }: ProcessSnapshot, recorded: WishedRows, replayed: WishedRows) {
  let [before, now, niceBefore, niceNow, differs] = [0, 0, noNice, noNice, false];
  let reason: string | undefined;
  for (const { row } of threads) {
    const [wasHeld, isHeld] = [recorded.isHeld(row), replayed.isHeld(row)];
    const [niceWas, niceIs] = [recorded.nice(row), replayed.nice(row)];
    if (wasHeld) before++;
    if (isHeld) now++;
    niceBefore = Math.max(niceBefore, niceWas);
    niceNow = Math.max(niceNow, niceIs);
    if (wasHeld !== isHeld || niceWas !== niceIs) differs = true;
    reason ??= isHeld || niceIs !== noNice ? replayed.reason(row) : recorded.reason(row);
  }
  if (before + now === 0 && niceBefore === noNice && niceNow === noNice) return undefined;
  return {
    recorded: before,
    replayed: now,
    threads: threads.length,
    ...(niceBefore === noNice ? {} : { recordedNice: niceBefore }),
    ...(niceNow === noNice ? {} : { replayedNice: niceNow }),
    differs,
    ...(reason === undefined ? {} : { reason }),
  };
}
