import { attachProcess } from "./attach.js";
import { STATUS_ALERTED } from "./constants.js";
import type { Cpu, Kernel, Steps } from "./kernel.js";
import { changePriority } from "./meddle.js";
import { resumeThread, suspendThread, terminateThread } from "./suspend.js";
import { processOf } from "./thread.js";
import { interruptWait } from "./wait.js";
import { queueWorkItem } from "./work-item.js";

/** What a thread may suffer from others inside. `attach`: a thread of System enters its process's address space for a moment. */
export type ThreadAct =
  | { readonly kind: "priority"; readonly priority: number }
  | { readonly kind: "alert" | "terminate" | "suspend" | "resume" | "attach" };

/** Has the kernel do it at the next chance, if the thread still lives then. */
export function requestAct(kernel: Kernel, thread: number, act: ThreadAct): void {
  const execution = kernel.executions.get(thread);
  const perform = (cpu: Cpu): Steps =>
    kernel.executions.get(thread) === execution ? stepsOf(kernel, cpu, thread, act) : nothing();
  if (act.kind === "attach") queueWorkItem(kernel, perform);
  else kernel.requests.push(perform);
}

function stepsOf(kernel: Kernel, cpu: Cpu, thread: number, act: ThreadAct): Steps {
  switch (act.kind) {
    case "priority":
      return changePriority(kernel, cpu, thread, act.priority);
    case "alert":
      return interruptWait(kernel, cpu, thread, STATUS_ALERTED);
    case "terminate":
      return terminateThread(kernel, cpu, thread);
    case "suspend":
      return suspendThread(kernel, cpu, thread);
    case "resume":
      return resumeThread(kernel, cpu, thread);
    case "attach":
      return attachProcess(kernel, cpu, processOf(kernel, thread));
  }
}

function* nothing(): Steps {
  yield "step";
}
