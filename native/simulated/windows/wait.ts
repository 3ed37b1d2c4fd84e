import {
  adjust,
  apcState,
  dispatcherHeader,
  irql,
  objectType,
  type STATUS_ALERTED,
  STATUS_TIMEOUT,
  STATUS_USER_APC,
  STATUS_WAIT_0,
  threadState,
  waitReason,
} from "./constants.js";
import { currentThread, tickCount, type Cpu, type Kernel, type Steps } from "./kernel.js";
import {
  acquire,
  acquireDispatcherLock,
  lockObject,
  raiseIrql,
  release,
  releaseDispatcherLock,
  unlockObject,
} from "./lock.js";
import { readyThread } from "./ready-thread.js";
import { exitDispatcher, swapThread } from "./swap-thread.js";
import { setState, stateOf } from "./thread.js";
import { insertTimer, removeTimer, timerOf } from "./timer.js";

const waitAny = 1;
/** The wait block that is a thread's own timer's. */
const timerBlock = 3;
const kernelMode = 0;
const userMode = 1;

/** Who waits, in which mode and for what reason: KTHREAD.WaitMode and WaitReason. */
function startWait(kernel: Kernel, thread: number, block: number, user: boolean, reason: number): void {
  const { memory, layout } = kernel;
  const members = layout.thread;
  memory.w64(thread, members.WaitBlockList, block);
  if (members.WaitBlockCount >= 0) memory.w8(thread, members.WaitBlockCount, 1);
  memory.w64(thread, members.WaitStatus, 0);
  memory.w8(thread, members.WaitMode, user ? userMode : kernelMode);
  memory.w8(thread, members.WaitIrql, irql.PASSIVE_LEVEL);
  memory.w8(thread, members.WaitReason, reason);
  memory.w64(thread, members.WaitListEntry, 0);
  memory.w32(thread, members.WaitTime, tickCount(kernel));
}

function linkBlock(kernel: Kernel, thread: number, index: number, object: number, key: number): number {
  const { memory, layout } = kernel;
  const members = layout.waitBlock;
  const block = thread + layout.thread.WaitBlock + index * members.size;
  memory.w64(block, members.Thread, thread);
  memory.w64(block, members.Object, object);
  memory.w16(block, members.WaitKey, key);
  memory.w8(block, members.WaitType, waitAny);
  if (members.NextWaitBlock >= 0) memory.w64(block, members.NextWaitBlock, block);
  return block;
}

/** Commits a wait: the thread's state, and, for user mode, the list of those whose stacks may be swapped out. */
function* commitWait(kernel: Kernel, cpu: Cpu, thread: number, user: boolean): Steps {
  const { memory, layout, lists } = kernel;
  yield* acquire(kernel, thread, layout.thread.ThreadLock);
  setState(kernel, thread, threadState.Waiting);
  if (user) lists.InsertTailList(cpu.prcb + layout.prcb.WaitListHead, thread + layout.thread.WaitListEntry);
  memory.w8(thread, layout.thread.Preempted, 0);
  release(kernel, thread, layout.thread.ThreadLock);
}

/** KeDelayExecutionThread of the current thread, until `dueNs` of guest time. */
export function* delayExecution(kernel: Kernel, cpu: Cpu, dueNs: number, user: boolean): Steps {
  const { lists } = kernel;
  const before = raiseIrql(cpu);
  const thread = currentThread(kernel, cpu);
  const timer = timerOf(kernel, thread);
  yield* acquireDispatcherLock(kernel, cpu);
  const block = linkBlock(kernel, thread, timerBlock, timer, STATUS_TIMEOUT);
  startWait(kernel, thread, block, user, waitReason.DelayExecution);
  const waiters = timer + dispatcherHeader.WaitListHead;
  lists.InitializeListHead(waiters);
  lists.InsertTailList(waiters, block);
  yield "step";
  insertTimer(kernel, timer, dueNs);
  yield* commitWait(kernel, cpu, thread, user);
  releaseDispatcherLock(kernel, cpu);
  yield* swapThread(kernel, cpu);
  cpu.irql = before;
}

/** KeWaitForSingleObject of the current thread, without a time limit; true when it did not have to wait. */
export function* waitForObject(
  kernel: Kernel,
  cpu: Cpu,
  object: number,
  user: boolean,
  reason: number,
): Steps<boolean> {
  const { memory, lists, layout } = kernel;
  const before = raiseIrql(cpu);
  const thread = currentThread(kernel, cpu);
  yield* lockObject(kernel, cpu, object);
  const signalled = memory.u32(object, dispatcherHeader.SignalState) !== 0;
  if (signalled) {
    satisfy(kernel, object);
    memory.w64(thread, layout.thread.WaitStatus, STATUS_WAIT_0);
    unlockObject(kernel, cpu, object);
  } else {
    const block = linkBlock(kernel, thread, 0, object, STATUS_WAIT_0);
    startWait(kernel, thread, block, user, reason);
    lists.InsertTailList(object + dispatcherHeader.WaitListHead, block);
    yield "step";
    yield* commitWait(kernel, cpu, thread, user);
    unlockObject(kernel, cpu, object);
    yield* swapThread(kernel, cpu);
  }
  cpu.irql = before;
  return signalled;
}

/** KeSetEvent and KeReleaseSemaphore: one more signal, and whoever waits for it goes on. */
export function* signalObject(kernel: Kernel, cpu: Cpu, object: number, increment: number): Steps {
  const before = raiseIrql(cpu);
  yield* lockObject(kernel, cpu, object);
  signalLocked(kernel, cpu, object, increment);
  yield "step";
  unlockObject(kernel, cpu, object);
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
  cpu.irql = before;
}

/** Signals an object that this processor has locked; those who waited are in its deferred ready list then. */
export function signalLocked(kernel: Kernel, cpu: Cpu, object: number, increment: number): void {
  kernel.memory.w32(object, dispatcherHeader.SignalState, 1);
  waitTest(kernel, cpu, object, increment);
}

/** KiWaitTest: satisfies the waits for an object while it is signalled. The object is locked. */
function waitTest(kernel: Kernel, cpu: Cpu, object: number, increment: number): void {
  const { memory, lists, layout } = kernel;
  const waiters = object + dispatcherHeader.WaitListHead;
  while (memory.u32(object, dispatcherHeader.SignalState) !== 0 && !lists.isEmpty(waiters)) {
    const block = lists.flink(waiters);
    const thread = memory.s64(block, layout.waitBlock.Thread);
    satisfy(kernel, object);
    unwaitThread(kernel, cpu, thread, memory.u16(block, layout.waitBlock.WaitKey), increment);
  }
}

/** KiSatisfyObjectWait: a synchronization event is used up, a semaphore counts down, anything else stays signalled. */
export function satisfy(kernel: Kernel, object: number): void {
  const { memory } = kernel;
  const type = memory.u8(object, dispatcherHeader.Type) & 0x7f;
  if (type === objectType.EventSynchronizationObject || type === objectType.SemaphoreObject)
    memory.w32(object, dispatcherHeader.SignalState, memory.u32(object, dispatcherHeader.SignalState) - 1);
}

/** KiUnwaitThread: ends a wait with this status; the thread's priority is raised by `increment` when it becomes ready. */
export function unwaitThread(
  kernel: Kernel,
  cpu: Cpu,
  thread: number,
  status: number,
  increment: number,
): void {
  const { memory, layout } = kernel;
  unlinkThread(kernel, thread, status);
  memory.w8(thread, layout.thread.AdjustIncrement, increment);
  memory.w8(thread, layout.thread.AdjustReason, adjust.Unwait);
  readyThread(kernel, cpu, thread);
}

/** KiUnlinkThread: takes its wait blocks off the objects, and the thread off the lists of waiters and timers. */
function unlinkThread(kernel: Kernel, thread: number, status: number): void {
  const { memory, lists, layout } = kernel;
  const { WaitStatus, WaitBlockList, WaitListEntry } = layout.thread;
  memory.w32(thread, WaitStatus, memory.u32(thread, WaitStatus) | status);
  // One object a wait: the list of blocks has one.
  lists.RemoveEntryList(memory.s64(thread, WaitBlockList) + layout.waitBlock.WaitListEntry);
  if (memory.s64(thread, WaitListEntry) !== 0) lists.RemoveEntryList(thread + WaitListEntry);
  removeTimer(kernel, timerOf(kernel, thread));
}

/** The expiry of a timer: its DPC ends the waits for it. */
export function expireTimer(kernel: Kernel, cpu: Cpu, timer: number): void {
  const { memory, lists, layout } = kernel;
  removeTimer(kernel, timer);
  memory.w32(timer, dispatcherHeader.SignalState, 1);
  const waiters = timer + dispatcherHeader.WaitListHead;
  while (!lists.isEmpty(waiters)) {
    const block = lists.flink(waiters);
    const thread = memory.s64(block, layout.waitBlock.Thread);
    unwaitThread(kernel, cpu, thread, memory.u16(block, layout.waitBlock.WaitKey), 0);
  }
}

/** Ends the wait of a thread that waits in user mode, as an alert or the APC that ends a thread does. */
export function* interruptWait(
  kernel: Kernel,
  cpu: Cpu,
  thread: number,
  status: typeof STATUS_ALERTED | typeof STATUS_USER_APC,
): Steps {
  const { memory, layout } = kernel;
  const before = raiseIrql(cpu);
  yield* acquireDispatcherLock(kernel, cpu);
  if (status === STATUS_USER_APC) {
    const pending = layout.thread.ApcState + apcState.UserApcPending;
    memory.w8(thread, pending, memory.u8(thread, pending) | 1);
  }
  const waits =
    stateOf(kernel, thread) === threadState.Waiting && memory.u8(thread, layout.thread.WaitMode) === userMode;
  if (waits) unwaitThread(kernel, cpu, thread, status, 0);
  yield "step";
  releaseDispatcherLock(kernel, cpu);
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
  cpu.irql = before;
}

/** A dispatcher object that nobody waits for. */
export function initializeDispatcherHeader(
  kernel: Kernel,
  object: number,
  type: number,
  sizeBytes: number,
): void {
  kernel.memory.w8(object, dispatcherHeader.Type, type);
  kernel.memory.w8(object, dispatcherHeader.Size, sizeBytes / 4);
  kernel.lists.InitializeListHead(object + dispatcherHeader.WaitListHead);
}
