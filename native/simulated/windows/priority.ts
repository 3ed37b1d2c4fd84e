import {
  adjust,
  cyclesPerQuantumUnit,
  LOW_REALTIME_PRIORITY,
  STATUS_KERNEL_APC,
  threadState,
} from "./constants.js";
import { processorOf, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { acquire, acquireDispatcherLock, release, releaseDispatcherLock } from "./lock.js";
import { removeReadyThread, selectReadyThread } from "./ready-queue.js";
import { insertDeferredReadyList } from "./ready-thread.js";
import { isOnProcessReadyList, noteRunning, priorityOf, setState, stateOf } from "./thread.js";

/** Threads with a base priority from here on are "time critical": they keep it. */
const timeCritical = LOW_REALTIME_PRIORITY - 2;

/** KiComputeNewPriority: one less, and what is left of a boost, but not below the base. */
export function computeNewPriority(kernel: Kernel, thread: number, adjustment: number): number {
  const { memory, layout } = kernel;
  const priority = priorityOf(kernel, thread);
  if (priority >= LOW_REALTIME_PRIORITY) return priority;
  const decrement = memory.s8(thread, layout.thread.PriorityDecrement);
  memory.w8(thread, layout.thread.PriorityDecrement, 0);
  return Math.max(memory.s8(thread, layout.thread.BasePriority), priority - decrement - adjustment);
}

/** Gives a thread `units` of its quantum from now on; by default all of it. */
export function resetQuantum(
  kernel: Kernel,
  thread: number,
  units = kernel.memory.u8(thread, kernel.layout.thread.QuantumReset),
): void {
  const { memory, layout } = kernel;
  const target = memory.s64(thread, layout.thread.CycleTime) + units * cyclesPerQuantumUnit;
  memory.w64(thread, layout.thread.QuantumTarget, target);
}

/** The first part of KiDeferredReadyThread: what a wake-up does to priority and quantum. */
export function* adjustOnReady(kernel: Kernel, thread: number): Steps {
  const { memory, layout } = kernel;
  const reason = memory.u8(thread, layout.thread.AdjustReason);
  if (reason === adjust.None) return;
  yield* acquire(kernel, thread, layout.thread.ThreadLock);
  if (reason === adjust.Boost) boost(kernel, thread);
  else if (priorityOf(kernel, thread) >= LOW_REALTIME_PRIORITY) resetQuantum(kernel, thread);
  else unwait(kernel, thread);
  memory.w8(thread, layout.thread.AdjustReason, adjust.None);
  release(kernel, thread, layout.thread.ThreadLock);
}

/** AdjustBoost: up to the priority of the one who set the event, for a moment. */
function boost(kernel: Kernel, thread: number): void {
  const { memory, layout } = kernel;
  const increment = memory.s8(thread, layout.thread.AdjustIncrement);
  const priority = priorityOf(kernel, thread);
  if (priority <= increment && priority < LOW_REALTIME_PRIORITY - 3) {
    const raised = Math.min(increment + 1, LOW_REALTIME_PRIORITY - 3);
    const decrement = memory.s8(thread, layout.thread.PriorityDecrement);
    memory.w8(thread, layout.thread.PriorityDecrement, decrement + raised - priority);
    memory.w8(thread, layout.thread.Priority, raised);
  }
  resetQuantum(kernel, thread, 4);
}

/** AdjustUnwait: a wait costs a unit of quantum and is rewarded by the increment of what was waited for. */
function unwait(kernel: Kernel, thread: number): void {
  const { memory, layout } = kernel;
  const members = layout.thread;
  const base = memory.s8(thread, members.BasePriority);
  const increment = memory.s8(thread, members.AdjustIncrement);
  const decremented = memory.s8(thread, members.PriorityDecrement) !== 0;
  if (base >= timeCritical) {
    resetQuantum(kernel, thread);
  } else {
    if (!decremented && increment !== 0) resetQuantum(kernel, thread);
    if (memory.u32(thread, members.WaitStatus) !== STATUS_KERNEL_APC) spendUnit(kernel, thread);
  }
  if (memory.s8(thread, members.PriorityDecrement) !== 0) return;
  const raised = Math.min(base + increment, LOW_REALTIME_PRIORITY - 1);
  if (raised > priorityOf(kernel, thread)) memory.w8(thread, members.Priority, raised);
}

function spendUnit(kernel: Kernel, thread: number): void {
  const { memory, layout } = kernel;
  const target = memory.s64(thread, layout.thread.QuantumTarget) - cyclesPerQuantumUnit;
  memory.w64(thread, layout.thread.QuantumTarget, target);
  if (target > memory.s64(thread, layout.thread.CycleTime)) return;
  resetQuantum(kernel, thread);
  memory.w8(thread, layout.thread.Priority, computeNewPriority(kernel, thread, 1));
}

/**
 * KeSetPriorityThread and what becomes of the base: from now on this priority, and no boost is left to decay. `cpu` is
 * the processor that does it.
 */
export function* setBasePriority(kernel: Kernel, cpu: Cpu, thread: number, priority: number): Steps {
  const { memory, layout } = kernel;
  yield* acquireDispatcherLock(kernel, cpu);
  yield* acquire(kernel, thread, layout.thread.ThreadLock);
  if (stateOf(kernel, thread) !== threadState.Terminated) {
    memory.w8(thread, layout.thread.BasePriority, priority);
    memory.w8(thread, layout.thread.PriorityDecrement, 0);
    resetQuantum(kernel, thread);
    yield "step";
    yield* setPriorityThread(kernel, cpu, thread, priority);
  }
  release(kernel, thread, layout.thread.ThreadLock);
  releaseDispatcherLock(kernel, cpu);
}

/** KiSetPriorityThread: what a change means depends on the thread's state. Its ThreadLock is held. */
function* setPriorityThread(kernel: Kernel, cpu: Cpu, thread: number, priority: number): Steps {
  const { memory, layout } = kernel;
  while (priorityOf(kernel, thread) !== priority) {
    const state = stateOf(kernel, thread);
    const ready = state === threadState.Ready && !isOnProcessReadyList(kernel, thread);
    if (!ready && state !== threadState.Standby && state !== threadState.Running) {
      memory.w8(thread, layout.thread.Priority, priority);
      return;
    }
    const home = processorOf(kernel, memory.u16(thread, layout.thread.NextProcessor));
    yield* acquire(kernel, home.prcb, layout.prcb.PrcbLock);
    const place = state === threadState.Running ? layout.prcb.CurrentThread : layout.prcb.NextThread;
    if (ready) yield* moveReady(kernel, cpu, home, thread, priority);
    else if (memory.s64(home.prcb, place) === thread)
      yield* lowerOrRaise(kernel, cpu, home, thread, priority);
    release(kernel, home.prcb, layout.prcb.PrcbLock);
    // It was neither there where its state says: look again.
    if (priorityOf(kernel, thread) !== priority) yield "spin";
  }
}

function* moveReady(kernel: Kernel, cpu: Cpu, home: Cpu, thread: number, priority: number): Steps {
  yield* removeReadyThread(kernel, home, thread);
  kernel.memory.w8(thread, kernel.layout.thread.Priority, priority);
  insertDeferredReadyList(kernel, cpu, thread);
}

/** A thread that runs, or is about to: if it falls, another may come before it. */
function* lowerOrRaise(kernel: Kernel, cpu: Cpu, home: Cpu, thread: number, priority: number): Steps {
  const { memory, layout } = kernel;
  const running = stateOf(kernel, thread) === threadState.Running;
  const before = priorityOf(kernel, thread);
  memory.w8(thread, layout.thread.Priority, priority);
  if (running) noteRunning(kernel, home);
  if (priority >= before || (running && memory.s64(home.prcb, layout.prcb.NextThread) !== 0)) return;
  const other = yield* selectReadyThread(kernel, home, priority + 1);
  if (other === 0) return;
  setState(kernel, other, threadState.Standby);
  memory.w64(home.prcb, layout.prcb.NextThread, other);
  if (running) home.dispatchRequested = true;
  else insertDeferredReadyList(kernel, cpu, thread);
}
