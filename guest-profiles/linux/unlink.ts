import { vaOffset } from "vmmsched/plugin-api";
import { TASK_TAKEN_OFF } from "./constants.js";
import { planQueued } from "./deschedule.js";
import { exitPathOf } from "./exit-path.js";
import type { LinuxFacts } from "./facts.js";
import type { HoldMethod } from "./hold-method.js";
import { dequeueTask, type DequeueTools } from "./run-queue/dequeue.js";
import { FairQueue } from "./run-queue/fair-queue.js";
import { Overlay } from "./run-queue/overlay.js";
import type { PsiLayout } from "./run-queue/psi-layout.js";
import { Pressure } from "./run-queue/psi.js";

/** One for all guests: a plan begins and ends it. */
const overlay = new Overlay();

/**
 * Hold by surgery: takes a task that waits for a CPU on its way to user mode off the run queue itself, as the guest's
 * scheduler would (see dequeueTask), and leaves it in a killable sleep. The task that runs cannot be taken off in this
 * way. In words why it does not work in this kernel.
 */
export function unlink(facts: LinuxFacts, psi: PsiLayout | string | undefined): HoldMethod | string {
  const { space, layout, runQueue, symbols } = facts;
  if (typeof runQueue === "string") return `its run queues are not known: ${runQueue}`;
  if (typeof psi === "string") return `its pressure accounting is not known: ${psi}`;
  const onExitPath = exitPathOf(facts);
  const fairClass = symbols.get("fair_sched_class");
  const clamped = symbols.get("sched_uclamp_used");
  if (onExitPath === undefined || fairClass === undefined)
    return "the kernel's symbols do not tell where threads leave it and which are in the fair class";
  const tools: DequeueTools = {
    fairClass,
    layout: runQueue,
    overlay,
    queue: new FairQueue(overlay, runQueue),
    pressure: psi === undefined ? undefined : new Pressure(overlay, psi, symbols),
  };
  return {
    name: "unlink",
    how: "its run queue, from outside",
    plan(task, _held, edit) {
      // Of such a one nothing else is worth saying: trying again does not help.
      if (!space.pointsTo(task, runQueue.task.schedClass, fairClass)) return "not by this method";
      const free = planQueued(facts, task, edit);
      if (typeof free === "string") return free;
      if (space.u32(task, layout.task.onCpu) !== 0) return "running";
      if (!onExitPath(task)) return "kernel mode";
      // A static key that is on: utilization clamps are counted a run queue then, which is not kept up here.
      if (clamped !== undefined && space.u32(vaOffset(clamped, -(clamped & 7)), clamped & 7) !== 0)
        return "not by this method";
      overlay.begin(space);
      const refusal = dequeueTask(tools, task, free.rq, free.cpu.area);
      if (refusal !== undefined) return refusal.notNow;
      overlay.stage(edit);
      edit
        .expect32(task, layout.task.onCpu, 0)
        .write32(task, layout.task.onRq, 0)
        .write32(task, layout.task.state, TASK_TAKEN_OFF);
      return "planned";
    },
  };
}
