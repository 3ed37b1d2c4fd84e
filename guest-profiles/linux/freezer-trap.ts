import { isKernelObject, type EditTransaction, type GuestVa, type NotNow } from "vmmsched/plugin-api";
import { JOBCTL_TRAP_FREEZE, TIF_SIGPENDING } from "./constants.js";
import type { LinuxFacts } from "./facts.js";
import type { HoldMethod } from "./hold-method.js";
import type { Hold } from "./holds.js";
import type { WakeUp } from "./wake-up.js";

/**
 * Hold by the trap bit that the cgroup-v2 freezer uses (JOBCTL_TRAP_FREEZE, since 5.2). The task parks itself in
 * do_freezer_trap() (kernel/signal.c) on its next way back to user mode, wherever it is now: never with a kernel lock
 * held, and a fatal signal still ends it. The guest's own freezer takes siglock to do the same (cgroup_freeze_task,
 * kernel/cgroup/freezer.c). Release clears the bit and has the guest wake the task.
 */
export function freezerTrap({ space, layout }: LinuxFacts): HoldMethod {
  return {
    name: "trap",
    how: "the freezer trap (JOBCTL_TRAP_FREEZE)",
    plan(task, held, edit) {
      const jobctl = space.u32(task, layout.task.jobctl);
      if ((jobctl & JOBCTL_TRAP_FREEZE) !== 0) return held ? "nothing to do" : "traced or stopped";
      // Any other bit above the signal number is a stop or a trace in progress (include/linux/sched/jobctl.h).
      if (jobctl >>> 16 !== 0) return "traced or stopped";
      const threadFlags = space.u32(task, layout.task.threadFlags);
      edit
        .expect32(task, layout.task.jobctl, jobctl)
        .expect32(task, layout.task.threadFlags, threadFlags)
        .write32(task, layout.task.jobctl, jobctl | JOBCTL_TRAP_FREEZE)
        .write32(task, layout.task.threadFlags, threadFlags | TIF_SIGPENDING);
      return "planned";
    },
  };
}

/** Stages the release of a trapped task, or the next step of one that the guest has not finished, and notes it in `hold`. */
export function planTrapRelease(
  facts: LinuxFacts,
  wakeUp: WakeUp,
  task: GuestVa,
  hold: Hold,
  edit: EditTransaction,
): "planned" | NotNow {
  const { space, layout } = facts;
  const jobctl = space.u32(task, layout.task.jobctl);
  const trapped = (jobctl & JOBCTL_TRAP_FREEZE) !== 0;
  if (!trapped && hold.entry && wakeUp.pending(task)) return wakeUp.nudge(task, edit);
  const onQueue = space.u32(task, layout.task.onRq) !== 0 || space.u32(task, layout.task.onCpu) !== 0;
  // Runnable with another state: between the trap and schedule(). Clearing the bit here would leave it asleep for ever.
  if (onQueue && space.u32(task, layout.task.state) !== 0) return "kernel mode";
  if (trapped)
    edit
      .expect32(task, layout.task.jobctl, jobctl)
      .write32(task, layout.task.jobctl, jobctl & ~JOBCTL_TRAP_FREEZE);
  const frozen = (space.u32(task, layout.frozen.word) & layout.frozen.mask) !== 0;
  const parked = frozen && !onQueue;
  if (!parked && !trapped) return "nothing to do";
  if (parked) {
    if (space.u32(task, layout.task.piLock) !== 0) return "lock held";
    edit
      .expect32(task, layout.task.onRq, 0)
      .expect32(task, layout.task.onCpu, 0)
      .expect32(task, layout.task.piLock, 0);
    const woken = wakeUp.stage(task, edit);
    if (woken !== "planned") return woken;
  } else {
    stageSignalFlagBack(facts, task, edit);
  }
  hold.phase = "releasing";
  hold.entry = parked;
  return "planned";
}

/**
 * A task that never reached the trap still carries the TIF_SIGPENDING that we set; take it back unless a signal is
 * pending after all, as recalc_sigpending() would.
 */
function stageSignalFlagBack(facts: LinuxFacts, task: GuestVa, edit: EditTransaction): void {
  const { space, layout } = facts;
  const at = layout.task;
  const threadFlags = space.u32(task, at.threadFlags);
  if ((threadFlags & TIF_SIGPENDING) === 0) return;
  const shared = space.pointer(task, at.signal);
  const pending =
    space.u64(task, at.pendingSignals) !== 0 ||
    !isKernelObject(shared) ||
    space.u64(shared, layout.signal.sharedPending) !== 0;
  if (pending) return;
  edit
    .expect32(task, at.threadFlags, threadFlags)
    .write32(task, at.threadFlags, threadFlags & ~TIF_SIGPENDING);
}
