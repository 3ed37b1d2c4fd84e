import { dispatcherHeader, threadState } from "./constants.js";
import { deleteThread } from "./create-thread.js";
import { currentThread, threadAt, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { fileTime } from "./kernel-variables.js";
import { acquireDispatcherLock, lockObject, raiseIrql, releaseDispatcherLock, unlockObject } from "./lock.js";
import { closeHandle, deleteProcess, dereference, isInUse, rundownProcess } from "./process.js";
import { swapThread } from "./swap-thread.js";
import { processOf, setState } from "./thread.js";
import { signalLocked } from "./wait.js";

const terminated = 1;

/** PspExitThread and KeTerminateThread of the current thread; with its last thread a process exits. */
export function* exitThread(kernel: Kernel, cpu: Cpu): Steps {
  const { memory, lists, layout } = kernel;
  const before = raiseIrql(cpu);
  const thread = currentThread(kernel, cpu);
  const process = processOf(kernel, thread);
  const execution = threadAt(kernel, thread);
  execution.place = "dead";
  for (const handle of execution.handles.splice(0)) closeHandle(kernel, handle);
  const { CrossThreadFlags, ExitTime } = layout.ethread;
  memory.w32(thread, CrossThreadFlags, memory.u32(thread, CrossThreadFlags) | terminated);
  memory.w64Big(thread, ExitTime, fileTime(kernel.nowNs));
  const { ActiveThreads } = layout.eprocess;
  const left = memory.u32(process, ActiveThreads) - 1;
  memory.w32(process, ActiveThreads, left);
  if (left === 0) yield* exitProcess(kernel, cpu, process);
  yield* lockObject(kernel, cpu, thread);
  signalLocked(kernel, cpu, thread, 0);
  unlockObject(kernel, cpu, thread);
  yield* acquireDispatcherLock(kernel, cpu);
  lists.RemoveEntryList(thread + layout.thread.ThreadListEntry);
  setState(kernel, thread, threadState.Terminated);
  yield "step";
  releaseDispatcherLock(kernel, cpu);
  kernel.dead.push({ body: thread, kind: "thread" });
  yield* swapThread(kernel, cpu);
  cpu.irql = before;
}

function* exitProcess(kernel: Kernel, cpu: Cpu, process: number): Steps {
  rundownProcess(kernel, process);
  yield* lockObject(kernel, cpu, process);
  signalLocked(kernel, cpu, process, 0);
  yield "step";
  unlockObject(kernel, cpu, process);
  dereference(kernel, process);
}

/** The reaper: deletes threads and processes that nothing refers to. */
export function reap(kernel: Kernel): void {
  for (const dead of kernel.dead.splice(0)) {
    if (dead.kind === "thread") deleteThread(kernel, dead.body);
    else if (hasThreads(kernel, dead.body) || isInUse(kernel, dead.body)) kernel.dead.push(dead);
    else deleteProcess(kernel, dead.body);
  }
}

function hasThreads(kernel: Kernel, process: number): boolean {
  const head = process + kernel.layout.eprocess.ThreadListHead;
  return !kernel.lists.isEmpty(head);
}

/** Has it exited? */
export function hasExited(kernel: Kernel, process: number): boolean {
  return kernel.memory.u32(process, dispatcherHeader.SignalState) !== 0;
}
