import {
  apcState,
  dispatcherHeader,
  STATUS_KERNEL_APC,
  STATUS_USER_APC,
  threadState,
  waitReason,
} from "./constants.js";
import { currentThread, threadAt, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { acquireDispatcherLock, raiseIrql, releaseDispatcherLock } from "./lock.js";
import { exitDispatcher } from "./swap-thread.js";
import { stateOf } from "./thread.js";
import { interruptWait, satisfy, signalObject, unwaitThread, waitForObject } from "./wait.js";

/** KeSuspendThread: the thread will wait for its own semaphore (an event in later builds) when it runs next in user mode. */
export function* suspendThread(kernel: Kernel, cpu: Cpu, thread: number): Steps {
  const { memory, layout } = kernel;
  const before = raiseIrql(cpu);
  yield* acquireDispatcherLock(kernel, cpu);
  const { SuspendCount, SuspendObject, ApcState, WaitMode } = layout.thread;
  const suspends = memory.u8(thread, SuspendCount) + 1;
  memory.w8(thread, SuspendCount, suspends);
  const pending = ApcState + apcState.KernelApcPending;
  if (suspends === 1 && memory.u8(thread, pending) !== 0) {
    // The kernel APC of a suspension before is still under way: this one needs another.
    if (memory.u32(thread + SuspendObject, dispatcherHeader.SignalState) !== 0)
      satisfy(kernel, thread + SuspendObject);
  } else if (suspends === 1) {
    memory.w8(thread, pending, 1);
    const waits = stateOf(kernel, thread) === threadState.Waiting && memory.u8(thread, WaitMode) !== 0;
    if (waits) unwaitThread(kernel, cpu, thread, STATUS_KERNEL_APC, 0);
  }
  yield "step";
  releaseDispatcherLock(kernel, cpu);
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
  cpu.irql = before;
}

/** KeResumeThread; KeForceResumeThread when `force` is set. */
export function* resumeThread(kernel: Kernel, cpu: Cpu, thread: number, force = false): Steps {
  const { memory, layout } = kernel;
  const { SuspendCount, SuspendObject } = layout.thread;
  const suspends = memory.u8(thread, SuspendCount);
  if (suspends === 0) return;
  memory.w8(thread, SuspendCount, force ? 0 : suspends - 1);
  if (force || suspends === 1) yield* signalObject(kernel, cpu, thread + SuspendObject, 0);
}

/** KiDeliverApc with the kernel APC of a suspension: the current thread waits until it is resumed. */
export function* deliverKernelApc(kernel: Kernel, cpu: Cpu): Steps {
  const { memory, layout } = kernel;
  const thread = currentThread(kernel, cpu);
  const execution = threadAt(kernel, thread);
  memory.w8(thread, layout.thread.ApcState + apcState.KernelApcPending, 0);
  const waited = execution.place === "wait" || execution.place === "delay";
  if (waited && memory.u32(thread, layout.thread.WaitStatus) === STATUS_KERNEL_APC)
    execution.waitAgain = true;
  yield* waitForObject(kernel, cpu, thread + layout.thread.SuspendObject, false, waitReason.Suspended);
}

/** PsTerminateThread of another: it exits as soon as it comes to user mode, and comes there soon. */
export function* terminateThread(kernel: Kernel, cpu: Cpu, thread: number): Steps {
  yield* resumeThread(kernel, cpu, thread, true);
  yield* interruptWait(kernel, cpu, thread, STATUS_USER_APC);
}
