import type { RawEdit } from "./windows-view.js";

/** KTHREAD_STATE. */
export const state = {
  Initialized: 0,
  Ready: 1,
  Running: 2,
  Standby: 3,
  Waiting: 5,
  WaitingForProcessInSwap: 9,
};

/** Where a ready thread is queued: a processor's own lists, or, in Windows 10, the shared ones. */
interface Queue {
  readonly va: number;
  readonly heads: number;
  readonly summary: number;
  readonly count: number;
}

function prcb(edit: RawEdit, number: number): number {
  return edit.pointer(edit.view.guest.kernel.symbol("KiProcessorBlock"), 8 * number);
}

/** KPRCB of the processor that a thread runs on or is bound for. */
export function homeOf(edit: RawEdit, thread: number): number {
  return prcb(edit, edit.u16(thread, edit.view.layout.thread.NextProcessor));
}

/** The idle thread of that processor. */
export function idleThreadOf(edit: RawEdit, thread: number): number {
  return edit.pointer(homeOf(edit, thread), edit.view.layout.prcb.IdleThread);
}

/** Threads that may run on all processors wait in the shared lists, where there are such. */
function queueOf(edit: RawEdit, thread: number): Queue {
  const { layout } = edit.view;
  const home = homeOf(edit, thread);
  const shared = layout.sharedReadyQueue;
  if (shared === undefined)
    return {
      va: home,
      heads: layout.prcb.DispatcherReadyListHead,
      summary: layout.prcb.ReadySummary,
      count: -1,
    };
  return {
    va: edit.pointer(home, layout.prcb.SharedReadyQueue),
    heads: shared.ReadyListHead,
    summary: shared.ReadySummary,
    count: shared.ReadyThreadCount,
  };
}

function addToCount(edit: RawEdit, queue: Queue, change: number): void {
  if (queue.count >= 0) edit.w32(queue.va, queue.count, edit.u32(queue.va, queue.count) + change);
}

/** No processor is in the midst of the dispatcher, as far as its locks tell. */
export function locksAreFree(edit: RawEdit): boolean {
  const { guest, layout } = edit.view;
  for (let i = 0; i < guest.options.vcpuCount; i++) {
    const block = prcb(edit, i);
    if (edit.u32(block, layout.prcb.PrcbLock) !== 0) return false;
    if (edit.pointer(block, layout.prcb.DeferredReadyListHead) !== 0) return false;
    if (layout.sharedReadyQueue !== undefined) {
      const shared = edit.pointer(block, layout.prcb.SharedReadyQueue);
      if (edit.u32(shared, layout.sharedReadyQueue.Lock) !== 0) return false;
    }
  }
  return edit.pointer(guest.kernel.symbol("KiDispatcherLock"), 0) === 0;
}

/** Takes a Ready thread out of its list, and keeps summary and count right. Its own pointers stay as they are. */
export function unlink(edit: RawEdit, thread: number): void {
  const { layout } = edit.view;
  const queue = queueOf(edit, thread);
  const entry = thread + layout.thread.WaitListEntry;
  const next = edit.pointer(entry, 0);
  const previous = edit.pointer(entry, 8);
  edit.wPointer(previous, 0, next);
  edit.wPointer(next, 8, previous);
  const bit = 1 << edit.u8(thread, layout.thread.Priority);
  if (next === previous) edit.w32(queue.va, queue.summary, edit.u32(queue.va, queue.summary) & ~bit);
  addToCount(edit, queue, -1);
}

export function linkToItself(edit: RawEdit, thread: number): void {
  const entry = thread + edit.view.layout.thread.WaitListEntry;
  edit.wPointer(entry, 0, entry);
  edit.wPointer(entry, 8, entry);
}

function insertTail(edit: RawEdit, head: number, entry: number): void {
  const last = edit.pointer(head, 8);
  edit.wPointer(entry, 0, head);
  edit.wPointer(entry, 8, last);
  edit.wPointer(last, 0, entry);
  edit.wPointer(head, 8, entry);
}

/** Links a thread last into the ready list of `priority`, wherever else it may be. */
export function linkTail(edit: RawEdit, thread: number, priority: number): void {
  const queue = queueOf(edit, thread);
  insertTail(edit, queue.va + queue.heads + 16 * priority, thread + edit.view.layout.thread.WaitListEntry);
  edit.w32(queue.va, queue.summary, edit.u32(queue.va, queue.summary) | (1 << priority));
  addToCount(edit, queue, 1);
}

/** Moves a Ready thread to the ready list of its own process, as if that were swapped out. */
export function park(edit: RawEdit, thread: number): void {
  const { layout } = edit.view;
  unlink(edit, thread);
  const process = edit.pointer(thread, layout.thread.Process);
  insertTail(edit, process + layout.process.ReadyListHead, thread + layout.thread.WaitListEntry);
  if (layout.thread.ProcessReadyQueue === 0)
    edit.w8(thread, layout.thread.State, state.WaitingForProcessInSwap);
  else
    edit.w32(
      thread,
      layout.thread.MiscFlags,
      edit.u32(thread, layout.thread.MiscFlags) | layout.thread.ProcessReadyQueue,
    );
}

export function isParked(edit: RawEdit, thread: number): boolean {
  const { layout } = edit.view;
  return layout.thread.ProcessReadyQueue === 0
    ? edit.u8(thread, layout.thread.State) === state.WaitingForProcessInSwap
    : (edit.u32(thread, layout.thread.MiscFlags) & layout.thread.ProcessReadyQueue) !== 0;
}

/** Puts a parked thread back where its priority belongs, and has an idle processor look for it. */
export function unpark(edit: RawEdit, thread: number): void {
  const { layout, guest } = edit.view;
  const entry = thread + layout.thread.WaitListEntry;
  edit.wPointer(edit.pointer(entry, 8), 0, edit.pointer(entry, 0));
  edit.wPointer(edit.pointer(entry, 0), 8, edit.pointer(entry, 8));
  edit.w8(thread, layout.thread.State, state.Ready);
  const flags = edit.u32(thread, layout.thread.MiscFlags) & ~layout.thread.ProcessReadyQueue;
  edit.w32(thread, layout.thread.MiscFlags, flags);
  edit.w32(thread, layout.thread.WaitTime, edit.u32(guest.kernel.symbol("KeTickCount"), 0));
  linkTail(edit, thread, edit.u8(thread, layout.thread.Priority));
  for (let i = 0; i < guest.options.vcpuCount; i++) {
    const block = prcb(edit, i);
    const idle =
      edit.pointer(block, layout.prcb.CurrentThread) === edit.pointer(block, layout.prcb.IdleThread) &&
      edit.pointer(block, layout.prcb.NextThread) === 0;
    if (idle) edit.w8(block, layout.prcb.IdleSchedule, 1);
  }
}
