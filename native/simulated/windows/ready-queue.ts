import { assertKernel, BugCheck } from "./bug-check.js";
import { HIGH_PRIORITY, threadState } from "./constants.js";
import { threadAt, tickCount, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { acquire, release } from "./lock.js";
import { affinityOf, priorityOf, setState, stateOf } from "./thread.js";

/** 32 lists and their summary: a processor's own, or one that several share. Offsets are from `va`. */
export interface ReadyQueue {
  readonly va: number;
  readonly heads: number;
  readonly summary: number;
  /** Lock and count of a shared queue; -1 for a processor's own, which PrcbLock protects. */
  readonly lock: number;
  readonly count: number;
}

export function ownQueue(kernel: Kernel, cpu: Cpu): ReadyQueue {
  const { DispatcherReadyListHead, ReadySummary } = kernel.layout.prcb;
  return { va: cpu.prcb, heads: DispatcherReadyListHead, summary: ReadySummary, lock: -1, count: -1 };
}

/** KPRCB.SharedReadyQueue, where builds have it. */
export function sharedQueue(kernel: Kernel, cpu: Cpu): ReadyQueue | undefined {
  const { sharedReadyQueue: members, prcb } = kernel.layout;
  if (members === undefined) return undefined;
  return {
    va: kernel.memory.s64(cpu.prcb, prcb.SharedReadyQueue),
    heads: members.ReadyListHead,
    summary: members.ReadySummary,
    lock: members.Lock,
    count: members.ReadyThreadCount,
  };
}

/** Where a thread that is to run on `cpu` waits for it: in the shared queue if it may run on all who share it. */
export function queueOf(kernel: Kernel, cpu: Cpu, thread: number): ReadyQueue {
  const shared = sharedQueue(kernel, cpu);
  const members = kernel.layout.sharedReadyQueue;
  if (shared === undefined || members === undefined) return ownQueue(kernel, cpu);
  const sharers = kernel.memory.u32(shared.va, members.Affinity);
  return (affinityOf(kernel, thread) & sharers) === sharers ? shared : ownQueue(kernel, cpu);
}

/** KxQueueReadyThread, with the PrcbLock of `cpu` held: first in its list if it was preempted, else last. */
export function* queueReadyThread(kernel: Kernel, cpu: Cpu, thread: number): Steps {
  const { memory, lists, layout } = kernel;
  const queue = queueOf(kernel, cpu, thread);
  if (queue.lock >= 0) yield* acquire(kernel, queue.va, queue.lock);
  const preempted = memory.u8(thread, layout.thread.Preempted) !== 0;
  memory.w8(thread, layout.thread.Preempted, 0);
  setState(kernel, thread, threadState.Ready);
  memory.w32(thread, layout.thread.WaitTime, tickCount(kernel));
  const priority = priorityOf(kernel, thread);
  const head = queue.va + queue.heads + 16 * priority;
  const entry = thread + layout.thread.WaitListEntry;
  yield "step";
  if (preempted) lists.InsertHeadList(head, entry);
  else lists.InsertTailList(head, entry);
  yield "step";
  memory.w32(queue.va, queue.summary, memory.u32(queue.va, queue.summary) | (1 << priority));
  count(kernel, queue, 1);
  if (queue.lock >= 0) release(kernel, queue.va, queue.lock);
}

/** KiSelectReadyThread with PrcbLock held: takes the first thread of the highest list that is not below `lowest`, or 0. */
export function* selectReadyThread(kernel: Kernel, cpu: Cpu, lowest: number): Steps<number> {
  const own = ownQueue(kernel, cpu);
  const shared = sharedQueue(kernel, cpu);
  const ownPriority = highest(kernel, own, lowest);
  if (shared !== undefined && highest(kernel, shared, lowest) > ownPriority) {
    yield* acquire(kernel, shared.va, shared.lock);
    const priority = highest(kernel, shared, lowest);
    const thread = priority < 0 ? 0 : takeFirst(kernel, cpu, shared, priority);
    release(kernel, shared.va, shared.lock);
    return thread;
  }
  if (ownPriority < 0) return 0;
  const thread = takeFirst(kernel, cpu, own, ownPriority);
  yield "step";
  return thread;
}

/** The list is not asked whether it is empty: its summary bit said so. */
function takeFirst(kernel: Kernel, cpu: Cpu, queue: ReadyQueue, priority: number): number {
  const { memory, lists, layout } = kernel;
  const head = queue.va + queue.heads + 16 * priority;
  const entry = lists.flink(head);
  const thread = entry - layout.thread.WaitListEntry;
  if (entry === head)
    throw new BugCheck(
      "IRQL_NOT_LESS_OR_EQUAL",
      `KiSelectReadyThread took the head of the empty ready list ${priority} for a KTHREAD`,
    );
  threadAt(kernel, thread);
  checkSelected(kernel, cpu, queue, thread, priority);
  unlink(kernel, queue, thread, priority);
  memory.w16(thread, layout.thread.NextProcessor, cpu.id);
  return thread;
}

function checkSelected(kernel: Kernel, cpu: Cpu, queue: ReadyQueue, thread: number, priority: number): void {
  const { memory, layout } = kernel;
  const routine = "KiSelectReadyThread";
  const found = priorityOf(kernel, thread);
  assertKernel(found === priority, routine, () => `a thread of priority ${found} is in list ${priority}`);
  const state = stateOf(kernel, thread);
  assertKernel(state === threadState.Ready, routine, () => `a thread in a ready list has state ${state}`);
  const next = memory.u16(thread, layout.thread.NextProcessor);
  const here = queue.lock >= 0 || next === cpu.id;
  assertKernel(here, routine, () => `a thread in the list of processor ${cpu.id} has NextProcessor ${next}`);
  const allowed = (affinityOf(kernel, thread) & (1 << cpu.id)) !== 0;
  assertKernel(allowed, routine, () => `its affinity keeps a thread from processor ${cpu.id}`);
}

/** Takes a Ready thread out of its list; its summary bit is flipped when the list is empty then. PrcbLock is held. */
export function* removeReadyThread(kernel: Kernel, cpu: Cpu, thread: number): Steps {
  const queue = queueOf(kernel, cpu, thread);
  if (queue.lock >= 0) yield* acquire(kernel, queue.va, queue.lock);
  unlink(kernel, queue, thread, priorityOf(kernel, thread));
  yield "step";
  if (queue.lock >= 0) release(kernel, queue.va, queue.lock);
}

function unlink(kernel: Kernel, queue: ReadyQueue, thread: number, priority: number): void {
  const { memory, lists, layout } = kernel;
  if (lists.RemoveEntryList(thread + layout.thread.WaitListEntry))
    memory.w32(queue.va, queue.summary, memory.u32(queue.va, queue.summary) ^ (1 << priority));
  count(kernel, queue, -1);
}

function count(kernel: Kernel, queue: ReadyQueue, change: number): void {
  if (queue.count < 0) return;
  kernel.memory.w32(queue.va, queue.count, kernel.memory.u32(queue.va, queue.count) + change);
}

/** The highest priority from `lowest` on whose bit is set, or -1. */
export function highest(kernel: Kernel, queue: ReadyQueue, lowest: number): number {
  if (lowest > HIGH_PRIORITY) return -1;
  const summary = kernel.memory.u32(queue.va, queue.summary) & (-1 << lowest);
  return summary === 0 ? -1 : 31 - Math.clz32(summary);
}
