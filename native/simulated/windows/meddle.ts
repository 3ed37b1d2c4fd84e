import { STATUS_ALERTED, waitReason } from "./constants.js";
import { attachProcess } from "./attach.js";
import { hasExited } from "./exit-thread.js";
import { currentThread, threadAt, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { raiseIrql } from "./lock.js";
import { setBasePriority } from "./priority.js";
import { outSwapProcess } from "./process-swap.js";
import { yieldExecution } from "./quantum.js";
import { exitDispatcher } from "./swap-thread.js";
import { processOf } from "./thread.js";
import { resumeThread, suspendThread } from "./suspend.js";
import { interruptWait } from "./wait.js";

/** Process ids up to System's are left alone. */
const systemId = 4;

/** One random act of a system tool on some other user process: what such tools do all day, and a scheduler has to bear. */
export function* meddle(kernel: Kernel, cpu: Cpu): Steps {
  const { random } = kernel;
  const self = currentThread(kernel, cpu);
  const own = threadAt(kernel, self);
  const { suspended } = own;
  own.suspended = undefined;
  if (suspended !== undefined && kernel.executions.get(suspended.thread) === suspended.execution)
    return yield* resumeThread(kernel, cpu, suspended.thread);
  const thread = pickThread(kernel);
  if (thread === 0 || thread === self) return;
  switch (random.below(6)) {
    case 0:
      return yield* attachProcess(kernel, cpu, processOf(kernel, thread));
    case 1:
      return yield* interruptWait(kernel, cpu, thread, STATUS_ALERTED);
    case 2:
      own.suspended = { thread, execution: threadAt(kernel, thread) };
      return yield* suspendThread(kernel, cpu, thread);
    case 3:
      return yield* yieldExecution(kernel, cpu);
    case 4:
      return yield* outSwapProcess(kernel, cpu, processOf(kernel, thread));
    default:
      return yield* changePriority(kernel, cpu, thread, 1 + random.below(12));
  }
}

/** NtSetInformationThread(ThreadPriority), from any processor. */
export function* changePriority(kernel: Kernel, cpu: Cpu, thread: number, priority: number): Steps {
  const before = raiseIrql(cpu);
  yield* setBasePriority(kernel, cpu, thread, priority);
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
  cpu.irql = before;
}

/** A thread of a process that runs, found through the list of processes; 0 if chance finds none. */
function pickThread(kernel: Kernel): number {
  const { memory, lists, layout, random } = kernel;
  const processes = lists
    .entries(kernel.symbol("PsActiveProcessHead"))
    .map((links) => links - layout.eprocess.ActiveProcessLinks)
    .filter(
      (process) =>
        memory.s64(process, layout.eprocess.UniqueProcessId) > systemId && !hasExited(kernel, process),
    );
  const process = processes[random.below(processes.length)];
  if (process === undefined) return 0;
  const threads = lists.entries(process + layout.process.ThreadListHead);
  const entry = threads[random.below(threads.length)];
  if (entry === undefined) return 0;
  const thread = entry - layout.thread.ThreadListEntry;
  threadAt(kernel, thread);
  return thread;
}
