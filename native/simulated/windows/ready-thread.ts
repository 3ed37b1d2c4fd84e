import { assertKernel } from "./bug-check.js";
import { processState, threadState } from "./constants.js";
import { currentThread, processorOf, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { acquire, release } from "./lock.js";
import { hasSharedQueues } from "./object.js";
import { adjustOnReady } from "./priority.js";
import { inSwapProcess } from "./process-swap.js";
import { queueReadyThread } from "./ready-queue.js";
import {
  affinityOf,
  attachedTo,
  isInMemory,
  processStateOf,
  priorityOf,
  setProcessReadyQueue,
  setProcessState,
  setState,
  stateOf,
} from "./thread.js";
import { queueWorkItem } from "./work-item.js";

/** KiReadyThread: a thread of a process that is swapped out waits in its process's list, any other becomes ready soon. */
export function readyThread(kernel: Kernel, cpu: Cpu, thread: number): void {
  const { lists, layout } = kernel;
  const process = attachedTo(kernel, thread);
  if (isInMemory(kernel, process)) {
    insertDeferredReadyList(kernel, cpu, thread);
    return;
  }
  setProcessReadyQueue(kernel, thread, true);
  setState(kernel, thread, parkedState(kernel));
  lists.InsertTailList(process + layout.process.ReadyListHead, thread + layout.thread.WaitListEntry);
  if (processStateOf(kernel, process) !== processState.ProcessOutOfMemory) return;
  setProcessState(kernel, process, processState.ProcessInTransition);
  queueWorkItem(kernel, (worker) => inSwapProcess(kernel, worker, process));
}

/** The state of a thread on its process's ready list. Windows 10 has no bit in the thread for it, and so a state. */
export function parkedState(kernel: Kernel): number {
  return hasSharedQueues(kernel) ? threadState.WaitingForProcessInSwap : threadState.Ready;
}

/** KiInsertDeferredReadyList: whoever leaves the dispatcher on this processor finds it a place. */
export function insertDeferredReadyList(kernel: Kernel, cpu: Cpu, thread: number): void {
  const { memory, layout } = kernel;
  const entry = thread + layout.thread.WaitListEntry;
  setState(kernel, thread, threadState.DeferredReady);
  if (layout.thread.DeferredProcessor >= 0) memory.w16(thread, layout.thread.DeferredProcessor, cpu.id);
  memory.w64(entry, 0, memory.s64(cpu.prcb, layout.prcb.DeferredReadyListHead));
  memory.w64(cpu.prcb, layout.prcb.DeferredReadyListHead, entry);
}

/** KiProcessDeferredReadyList. */
export function* processDeferredReadyList(kernel: Kernel, cpu: Cpu): Steps {
  const { memory, layout } = kernel;
  for (;;) {
    let entry = memory.s64(cpu.prcb, layout.prcb.DeferredReadyListHead);
    if (entry === 0) return;
    yield "step";
    memory.w64(cpu.prcb, layout.prcb.DeferredReadyListHead, 0);
    while (entry !== 0) {
      const thread = entry - layout.thread.WaitListEntry;
      entry = memory.s64(entry, 0);
      yield* deferredReadyThread(kernel, thread);
    }
  }
}

/**
 * KiDeferredReadyThread: an idle processor takes the thread at once; one that runs something lesser will take it next;
 * otherwise it waits in a ready list. Of a processor that KiIdleSummary has, NextThread can be its idle thread only, and is
 * overwritten. Of any other, an idle thread that was to come next is treated as every thread is: it goes to the ready list of
 * its priority, 0, from which KiSwapThread takes it when there is nothing else.
 */
function* deferredReadyThread(kernel: Kernel, thread: number): Steps {
  const { memory, layout } = kernel;
  const state = stateOf(kernel, thread);
  assertKernel(
    state === threadState.DeferredReady,
    "KiDeferredReadyThread",
    () => `a thread of the deferred ready list has state ${state}`,
  );
  yield* adjustOnReady(kernel, thread);
  const idle = idleSummary(kernel) & affinityOf(kernel, thread);
  const cpu = processorOf(
    kernel,
    pickProcessor(kernel, thread, idle === 0 ? affinityOf(kernel, thread) : idle),
  );
  yield* acquire(kernel, cpu.prcb, layout.prcb.PrcbLock);
  memory.w16(thread, layout.thread.NextProcessor, cpu.id);
  const next = memory.s64(cpu.prcb, layout.prcb.NextThread);
  if ((idleSummary(kernel) & (1 << cpu.id)) !== 0) {
    assertKernel(
      next === 0 || next === cpu.idle,
      "KiDeferredReadyThread",
      () => `processor ${cpu.id} idles, and another thread was to come next`,
    );
    setIdle(kernel, cpu, false);
    yield* standBy(kernel, cpu, thread);
    release(kernel, cpu.prcb, layout.prcb.PrcbLock);
    return;
  }
  if (next !== 0) checkStandby(kernel, next);
  const rival = next === 0 ? currentThread(kernel, cpu) : next;
  if (priorityOf(kernel, thread) <= priorityOf(kernel, rival)) {
    yield* queueReadyThread(kernel, cpu, thread);
    release(kernel, cpu.prcb, layout.prcb.PrcbLock);
    return;
  }
  if (next !== 0 || stateOf(kernel, rival) === threadState.Running)
    memory.w8(rival, layout.thread.Preempted, 1);
  yield* standBy(kernel, cpu, thread);
  if (next !== 0) setState(kernel, next, threadState.DeferredReady);
  release(kernel, cpu.prcb, layout.prcb.PrcbLock);
  if (next !== 0) yield* deferredReadyThread(kernel, next);
}

function* standBy(kernel: Kernel, cpu: Cpu, thread: number): Steps {
  setState(kernel, thread, threadState.Standby);
  yield "step";
  kernel.memory.w64(cpu.prcb, kernel.layout.prcb.NextThread, thread);
  cpu.dispatchRequested = true;
}

export function checkStandby(kernel: Kernel, next: number): void {
  const state = stateOf(kernel, next);
  assertKernel(state === threadState.Standby, "KiDeferredReadyThread", () => `NextThread has state ${state}`);
}

/** Of the processors in `mask`: the ideal one, the last one, or the first. */
function pickProcessor(kernel: Kernel, thread: number, mask: number): number {
  const { memory, layout } = kernel;
  const ideal = memory.u8(thread, layout.thread.IdealProcessor);
  if ((mask & (1 << ideal)) !== 0) return ideal;
  const last = memory.u16(thread, layout.thread.NextProcessor);
  return (mask & (1 << last)) !== 0 ? last : 31 - Math.clz32(mask & -mask);
}

/** KiIdleSummary: the processors that idle and that nothing was given to yet. */
export function idleSummary(kernel: Kernel): number {
  return kernel.memory.u32(kernel.symbol("KiIdleSummary"), 0);
}

export function setIdle(kernel: Kernel, cpu: Cpu, idle: boolean): void {
  const bit = 1 << cpu.id;
  const summary = idleSummary(kernel);
  kernel.memory.w32(kernel.symbol("KiIdleSummary"), 0, idle ? summary | bit : summary & ~bit);
}
