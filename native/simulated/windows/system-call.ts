import { waitReason } from "./constants.js";
import { detachProcess } from "./attach.js";
import { startThread } from "./create-thread.js";
import { exitThread } from "./exit-thread.js";
import { currentThread, threadAt, type Cpu, type Execution, type Kernel, type Steps } from "./kernel.js";
import { meddle } from "./meddle.js";
import { closeHandle, createProcess } from "./process.js";
import { yieldExecution } from "./quantum.js";
import { exitDispatcher } from "./swap-thread.js";
import { processOf } from "./thread.js";
import { entry, enterKernel } from "./trap-frame.js";
import { delayExecution, signalObject, waitForObject } from "./wait.js";

import { eventOf, nextWorkItem } from "./work-item.js";
import type { WindowsProgram } from "./workload.js";

/** KeSetEvent's usual increment (EVENT_INCREMENT). */
const eventIncrement = 1;

/** Takes the current thread's next step; what is more than running is an operation. */
export function nextStep(kernel: Kernel, cpu: Cpu, thread: number): Steps | undefined {
  const execution = threadAt(kernel, thread);
  if (execution.attached) detachProcess(kernel, cpu);
  const user = isUser(kernel, thread);
  if (user) enterKernel(kernel, thread, entry.systemCall);
  const step = execution.program.next(cpu.nowNs, kernel.random);
  switch (step.kind) {
    case "run":
    case "system":
      execution.place = step.kind === "system" || !user ? "system" : "user";
      execution.remainingNs = Math.max(1, Math.round(step.ns));
      return undefined;
    case "sleep":
      execution.place = "delay";
      execution.dueNs = cpu.nowNs + Math.round(step.ns);
      return delayExecution(kernel, cpu, execution.dueNs, user);
    case "wait":
      execution.place = "wait";
      execution.object = eventOf(kernel, step.channel);
      return waitForEvent(kernel, cpu, execution.object, user);
    case "signal":
      return signalObject(kernel, cpu, eventOf(kernel, step.channel), eventIncrement);
    case "fork":
      return startProcess(kernel, cpu, execution, step.comm, step.program);
    case "thread":
      return newThread(kernel, cpu, step.program);
    case "reap":
      for (const handle of execution.handles.splice(0)) closeHandle(kernel, handle);
      return undefined;
    case "yield":
      return yieldExecution(kernel, cpu);
    case "work":
      return nextWorkItem(kernel)?.(cpu);
    case "meddle":
      return meddle(kernel, cpu);
    // It has no disk.
    case "write":
    case "exit":
      return exitThread(kernel, cpu);
  }
}

/** A thread that was woken goes back to its wait if that is not over: a suspension came in between. */
export function resumeWait(
  kernel: Kernel,
  cpu: Cpu,
  thread: number,
  interrupted: boolean,
): Steps | undefined {
  const execution = threadAt(kernel, thread);
  const user = isUser(kernel, thread);
  const again = interrupted || execution.waitAgain;
  execution.waitAgain = false;
  if (execution.place === "delay" && again && execution.dueNs > cpu.nowNs)
    return delayExecution(kernel, cpu, execution.dueNs, user);
  if (execution.place === "wait" && again) return waitForEvent(kernel, cpu, execution.object, user);
  execution.place = user ? "user" : "system";
  execution.remainingNs = 0;
  return undefined;
}

function* waitForEvent(kernel: Kernel, cpu: Cpu, object: number, user: boolean): Steps {
  yield* waitForObject(kernel, cpu, object, user, user ? waitReason.UserRequest : waitReason.Executive);
}

/** NtCreateUserProcess: the creator keeps a handle until it closes it. */
function* startProcess(
  kernel: Kernel,
  cpu: Cpu,
  creator: Execution,
  name: string,
  program: WindowsProgram,
): Steps {
  const { memory, layout } = kernel;
  const parent = processOf(kernel, currentThread(kernel, cpu));
  const basePriority = memory.u8(parent, layout.process.BasePriority);
  const process = createProcess(kernel, { name: `${name}.exe`, basePriority, parent });
  creator.handles.push(process);
  startThread(kernel, cpu, { process, program, priority: basePriority });
  yield "step";
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
}

function* newThread(kernel: Kernel, cpu: Cpu, program: WindowsProgram): Steps {
  const { memory, layout } = kernel;
  const process = processOf(kernel, currentThread(kernel, cpu));
  startThread(kernel, cpu, { process, program, priority: memory.u8(process, layout.process.BasePriority) });
  yield "step";
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
}

function isUser(kernel: Kernel, thread: number): boolean {
  return kernel.memory.u8(thread, kernel.layout.thread.PreviousMode) !== 0;
}
