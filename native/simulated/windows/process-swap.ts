import { processState, threadState, waitReason } from "./constants.js";
import { threadAt, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { acquireDispatcherLock, raiseIrql, releaseDispatcherLock } from "./lock.js";
import { readyThread } from "./ready-thread.js";
import { exitDispatcher } from "./swap-thread.js";
import { setProcessReadyQueue, setProcessState, stateOf } from "./thread.js";

/**
 * KiOutSwapProcesses: a process of which every thread waits may leave memory. A thread of it that is woken then waits on
 * the process's ready list until it is back.
 */
export function* outSwapProcess(kernel: Kernel, cpu: Cpu, process: number): Steps {
  const { lists, layout } = kernel;
  const before = raiseIrql(cpu);
  yield* acquireDispatcherLock(kernel, cpu);
  const all = lists
    .entries(process + layout.process.ThreadListHead)
    .map((entry) => entry - layout.thread.ThreadListEntry);
  if (all.every((thread) => stateOf(kernel, thread) === threadState.Waiting))
    setProcessState(kernel, process, processState.ProcessOutOfMemory);
  yield "step";
  releaseDispatcherLock(kernel, cpu);
  cpu.irql = before;
}

/** KiInSwapProcesses, in a thread of System: the process is in memory again, and its ready threads become ready. */
export function* inSwapProcess(kernel: Kernel, cpu: Cpu, process: number): Steps {
  const before = raiseIrql(cpu);
  yield* acquireDispatcherLock(kernel, cpu);
  setProcessState(kernel, process, processState.ProcessInMemory);
  yield* readyProcessThreads(kernel, cpu, process);
  releaseDispatcherLock(kernel, cpu);
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
  cpu.irql = before;
}

/** Takes every thread off a process's ready list and makes it ready, whoever put it there. */
export function* readyProcessThreads(kernel: Kernel, cpu: Cpu, process: number): Steps {
  const { lists, layout } = kernel;
  const head = process + layout.process.ReadyListHead;
  while (!lists.isEmpty(head)) {
    const entry = lists.flink(head);
    const thread = entry - layout.thread.WaitListEntry;
    threadAt(kernel, thread);
    lists.RemoveEntryList(entry);
    setProcessReadyQueue(kernel, thread, false);
    readyThread(kernel, cpu, thread);
    yield "step";
  }
}
