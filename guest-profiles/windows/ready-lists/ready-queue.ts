import { isKernelObject, vaOffset, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import type { WindowsLayout } from "../layout.js";

/** Priorities, and so lists of a queue. */
export const priorities = 32;
const listEntryBytes = 16;

/**
 * 32 lists of ready threads and the word that has a bit for each that is not empty: a processor's own (KPRCB), or one that
 * processors share (KSHARED_READY_QUEUE, from 8.1 on). Offsets are from `va`.
 */
export interface ReadyQueue {
  readonly va: GuestVa;
  readonly heads: number;
  readonly summary: number;
  /** The processor whose own it is, by KPRCB.Number. */
  readonly processor?: number;
  /** KSHARED_READY_QUEUE.ReadyThreadCount, where there is one. */
  readonly count?: number;
}

/** The processor's own lists; undefined where the layout does not say where they are. */
export function ownReadyQueue(
  space: AddressSpace,
  { KPRCB }: WindowsLayout,
  prcb: GuestVa,
): ReadyQueue | undefined {
  const { DispatcherReadyListHead: heads, ReadySummary: summary } = KPRCB;
  if (heads === undefined || summary === undefined) return undefined;
  return { va: prcb, heads, summary, processor: space.u16(prcb, KPRCB.Number) };
}

/** The lists that the processor shares with others (KPRCB.SharedReadyQueue); undefined where builds have none. */
export function sharedReadyQueue(
  space: AddressSpace,
  { KPRCB, KSHARED_READY_QUEUE }: WindowsLayout,
  prcb: GuestVa,
): ReadyQueue | undefined {
  const { ReadyListHead: heads, ReadySummary: summary, ReadyThreadCount: count } = KSHARED_READY_QUEUE;
  if (KPRCB.SharedReadyQueue === undefined || heads === undefined || summary === undefined) return undefined;
  const va = space.pointer(prcb, KPRCB.SharedReadyQueue);
  if (!isKernelObject(va)) return undefined;
  return { va, heads, summary, ...(count === undefined ? {} : { count }) };
}

/** Head of the list of one priority. */
export function readyListHead(queue: ReadyQueue, priority: number): GuestVa {
  return vaOffset(queue.va, queue.heads + listEntryBytes * priority);
}
