import {
  isKernelObject,
  isVmmschedError,
  vaOffset,
  type AddressSpace,
  type GuestVa,
} from "vmmsched/plugin-api";
import type { WindowsLayout } from "../layout.js";
import { Blink } from "../list-entry.js";
import { priorities, readyListHead, type ReadyQueue } from "./ready-queue.js";

/**
 * How far a list could be followed. `broken`: two neighbours do not point at each other, or it is longer than any list.
 * `unreadable`: memory is missing, as in a triage dump.
 */
export type ListEnd = "closed" | "broken" | "unreadable";

/** Threads that wait for a processor, in the order in which it takes them. */
export interface ReadyList {
  readonly priority: number;
  /** KTHREADs; the last of them is where the list could not be followed any more. */
  readonly threads: readonly GuestVa[];
  readonly end: ListEnd;
}

/** What a queue says of itself, whether or not it is true. */
export interface ReadyQueueContents {
  /** ReadySummary. */
  readonly summary: number;
  /** Those of the 32 lists that are not empty, lowest priority first. */
  readonly lists: readonly ReadyList[];
}

const mostThreads = 4096;

/** Reads all lists of a queue; ends for any memory. Throws where the queue itself is not there. */
export function readReadyQueue(
  space: AddressSpace,
  layout: WindowsLayout,
  queue: ReadyQueue,
): ReadyQueueContents {
  const lists: ReadyList[] = [];
  let left = mostThreads;
  for (let priority = 0; priority < priorities; priority++) {
    const head = readyListHead(queue, priority);
    const list = { priority, ...readList(space, head, layout.KTHREAD.WaitListEntry, left) };
    left -= list.threads.length;
    if (list.threads.length > 0 || list.end !== "closed") lists.push(list);
  }
  return { summary: space.u32(queue.va, queue.summary), lists };
}

function readList(
  space: AddressSpace,
  head: GuestVa,
  link: number,
  most: number,
): { threads: readonly GuestVa[]; end: ListEnd } {
  const threads: GuestVa[] = [];
  let next = space.pointer(head, 0);
  try {
    for (let at = head; next !== head; at = next, next = space.pointer(next, 0)) {
      if (!isKernelObject(next) || threads.length >= most) return { threads, end: "broken" };
      threads.push(vaOffset(next, -link));
      if (space.pointer(next, Blink) !== at) return { threads, end: "broken" };
    }
  } catch (error) {
    if (isVmmschedError(error)) return { threads, end: "unreadable" };
    throw error;
  }
  const last = threads.at(-1);
  const closes = space.pointer(head, Blink) === (last === undefined ? head : vaOffset(last, link));
  return { threads, end: closes ? "closed" : "broken" };
}
