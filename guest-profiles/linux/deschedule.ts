import type { Domain, EditTransaction, GuestVa, NotNow } from "vmmsched/plugin-api";
import {
  RESCHEDULE_VECTOR,
  TASK_ON_RQ_QUEUED,
  TASK_STOPPED_OR_TRACED,
  TASK_TAKEN_OFF,
  TIF_NEED_RESCHED,
  TIF_SLEEPING_WORK,
} from "./constants.js";
import { exitPathOf } from "./exit-path.js";
import type { LinuxFacts } from "./facts.js";
import type { HoldMethod } from "./hold-method.js";
import { lockedRunQueueOf, type FreeRunQueue } from "./run-queue/of-task.js";

/**
 * Hold by the guest's own scheduler: a task that runs in user mode, or waits for a CPU on its way there, gets the state
 * of a killable sleep and TIF_NEED_RESCHED. It calls schedule() before its next user instruction (exit_to_user_mode_loop,
 * kernel/entry/common.c), which takes it off the queue with everything that belongs to it (__schedule, kernel/sched/core.c).
 * Nothing that the guest does with a task on its way to user mode depends on its state. In words why it does not work in
 * this kernel.
 */
export function deschedule(facts: LinuxFacts, domain: Domain): HoldMethod | string {
  if (typeof facts.runQueue === "string") return `its run queues are not known: ${facts.runQueue}`;
  const onExitPath = exitPathOf(facts);
  if (onExitPath === undefined) return "the kernel's symbols do not tell where threads leave it";
  const { space, layout } = facts;
  const at = layout.task;
  return {
    name: "deschedule",
    how: "the guest's own schedule(), on the way to user mode",
    plan(task, _held, edit) {
      const free = planQueued(facts, task, edit);
      if (typeof free === "string") return free;
      const onCpu = space.u32(task, at.onCpu);
      if (onCpu === 0) {
        if (!onExitPath(task)) return "kernel mode";
      } else {
        // Without an interrupt it would go on in user mode, and perhaps into a system call, until the next tick.
        if (domain.canInterrupt !== true) return "running";
        if (!runsInUserMode(facts, domain, free, task)) return "kernel mode";
        edit.interrupt(free.cpu.apicId, RESCHEDULE_VECTOR);
      }
      edit
        .expect32(task, at.onCpu, onCpu)
        .write32(task, at.state, TASK_TAKEN_OFF)
        .write32(task, at.threadFlags, (space.u32(task, at.threadFlags) | TIF_NEED_RESCHED) >>> 0);
      return "planned";
    },
  };
}

/** The checks that {@link deschedule} and the surgery have in common: a task that is queued, whole and unlocked. */
export function planQueued(facts: LinuxFacts, task: GuestVa, edit: EditTransaction): FreeRunQueue | NotNow {
  const { space, layout } = facts;
  const at = layout.task;
  const state = space.u32(task, at.state);
  const onRq = space.u32(task, at.onRq);
  if ((state & TASK_STOPPED_OR_TRACED) !== 0) return "traced or stopped";
  if (state !== 0) return onRq === 0 ? "asleep" : "kernel mode";
  if (onRq === 0) return "wake-up under way";
  if (onRq !== TASK_ON_RQ_QUEUED) return "migrating";
  if (space.u32(task, at.piLock) !== 0) return "lock held";
  const jobctl = space.u32(task, at.jobctl);
  // Any bit above the signal number is a stop, a trace or a trap in progress (include/linux/sched/jobctl.h).
  if (jobctl >>> 16 !== 0) return "traced or stopped";
  const threadFlags = space.u32(task, at.threadFlags);
  if ((threadFlags & TIF_SLEEPING_WORK) !== 0) return "signal pending";
  edit
    .expect32(task, at.state, 0)
    .expect32(task, at.onRq, TASK_ON_RQ_QUEUED)
    .expect32(task, at.piLock, 0)
    .expect32(task, at.jobctl, jobctl)
    .expect32(task, at.threadFlags, threadFlags);
  return lockedRunQueueOf(facts, task, edit);
}

/** A vCPU's privilege level counts only with the proof that it runs this task: rq->curr, and the task's page tables. */
function runsInUserMode(
  { space }: LinuxFacts,
  domain: Domain,
  { cpu, rq, layout }: FreeRunQueue,
  task: GuestVa,
): boolean {
  if (!space.pointsTo(rq, layout.rq.curr, task)) return false;
  const mm = space.pointer(task, layout.task.mm);
  const root = space.frame(space.pointer(mm, layout.mm.pgd), 0);
  for (const vcpu of domain.vcpus()) {
    // Under page-table isolation user mode has a root of its own, in the frame after the kernel's.
    if (vcpu.id === cpu.id) return vcpu.userMode && (vcpu.root === root || vcpu.root === root + 1);
  }
  return false;
}
