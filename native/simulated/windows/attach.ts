import { apcState, waitReason } from "./constants.js";
import { currentThread, threadAt, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { acquireDispatcherLock, raiseIrql, releaseDispatcherLock } from "./lock.js";
import { readyProcessThreads } from "./process-swap.js";
import { exitDispatcher, loadCr3 } from "./swap-thread.js";
import { attachedTo, isInMemory, processOf } from "./thread.js";

/**
 * KiAttachProcess: the current thread goes on in another process's address space. Threads that wait on that process's
 * ready list become ready: who attaches to a process finds it in memory.
 */
export function* attachProcess(kernel: Kernel, cpu: Cpu, process: number): Steps {
  const { memory, layout } = kernel;
  const thread = currentThread(kernel, cpu);
  if (process === attachedTo(kernel, thread) || !isInMemory(kernel, process)) return;
  const before = raiseIrql(cpu);
  yield* acquireDispatcherLock(kernel, cpu);
  const { ApcState, SavedApcState, ApcStateIndex } = layout.thread;
  memory.w64(thread, SavedApcState + apcState.Process, attachedTo(kernel, thread));
  memory.w64(thread, ApcState + apcState.Process, process);
  memory.w8(thread, ApcStateIndex, 1);
  threadAt(kernel, thread).attached = true;
  yield "step";
  yield* readyProcessThreads(kernel, cpu, process);
  releaseDispatcherLock(kernel, cpu);
  loadCr3(kernel, cpu, process);
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
  cpu.irql = before;
}

/** KeDetachProcess: back to the thread's own address space. */
export function detachProcess(kernel: Kernel, cpu: Cpu): void {
  const { memory, layout } = kernel;
  const thread = currentThread(kernel, cpu);
  memory.w64(thread, layout.thread.ApcState + apcState.Process, processOf(kernel, thread));
  memory.w8(thread, layout.thread.ApcStateIndex, 0);
  threadAt(kernel, thread).attached = false;
  loadCr3(kernel, cpu, processOf(kernel, thread));
}
