import { isKernelObject, vaOffset, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import { ThreadState, typeMask, ThreadObject } from "../constants.js";
import type { WindowsLayout } from "../layout.js";
import { Blink } from "../list-entry.js";
import { priorities, readyListHead, type ReadyQueue } from "./ready-queue.js";

/** What may be wrong with a queue, in words for operators. */
export type QueueFault =
  | "a summary bit is set over an empty list, or none over a list with threads"
  | "two neighbours in a list do not point at each other"
  | "a list has an entry that is no thread"
  | "a list has a thread that is not ready"
  | "a list has a thread of another priority"
  | "a list has a thread of another processor"
  | "the lists have more threads than they may"
  | "the count of threads is wrong"
  | "the thread is in none of the lists";

/** More threads than wait at once for one processor: the lists of a guest that lies have an end too. */
const mostThreads = 4096;

/**
 * What about a queue is not as the dispatcher leaves it: links that agree both ways, a summary bit for each list that has
 * threads and for no other, in each list ready threads of its priority and of this processor. `sought`: a thread that has
 * to be in it. Undefined where all is well. At most 4096 threads are looked at, and nothing is allocated.
 */
export function readyQueueFault(
  space: AddressSpace,
  layout: WindowsLayout,
  queue: ReadyQueue,
  sought?: GuestVa,
): QueueFault | undefined {
  const summary = space.u32(queue.va, queue.summary);
  const link = layout.KTHREAD.WaitListEntry;
  let threads = 0;
  let met = sought === undefined;
  for (let priority = 0; priority < priorities; priority++) {
    const head = readyListHead(queue, priority);
    let at = head;
    let next = space.pointer(head, 0);
    if ((next !== head) !== (((summary >>> priority) & 1) === 1))
      return "a summary bit is set over an empty list, or none over a list with threads";
    for (; next !== head; at = next, next = space.pointer(next, 0)) {
      if (!isKernelObject(next) || space.pointer(next, Blink) !== at)
        return "two neighbours in a list do not point at each other";
      if (++threads > mostThreads) return "the lists have more threads than they may";
      const thread = vaOffset(next, -link);
      const fault = threadFault(space, layout, queue, thread, priority);
      if (fault !== undefined) return fault;
      met ||= thread === sought;
    }
    if (space.pointer(head, Blink) !== at) return "two neighbours in a list do not point at each other";
  }
  if (queue.count !== undefined && space.u32(queue.va, queue.count) !== threads)
    return "the count of threads is wrong";
  return met ? undefined : "the thread is in none of the lists";
}

function threadFault(
  space: AddressSpace,
  { DISPATCHER_HEADER, KTHREAD }: WindowsLayout,
  queue: ReadyQueue,
  thread: GuestVa,
  priority: number,
): QueueFault | undefined {
  if ((space.u8(thread, DISPATCHER_HEADER.Type) & typeMask) !== ThreadObject)
    return "a list has an entry that is no thread";
  if (space.u8(thread, KTHREAD.State) !== ThreadState.Ready) return "a list has a thread that is not ready";
  if (space.u8(thread, KTHREAD.Priority) !== priority) return "a list has a thread of another priority";
  // The upper half has another meaning in some builds.
  const isForeign =
    queue.processor !== undefined && space.u16(thread, KTHREAD.NextProcessor) !== queue.processor;
  return isForeign ? "a list has a thread of another processor" : undefined;
}
