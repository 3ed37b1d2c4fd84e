import {
  isKernelObject,
  nullVa,
  type EditTransaction,
  type GuestVa,
  type NotNow,
  type TaskChange,
} from "vmmsched/plugin-api";
import {
  JOBCTL_TRAP_FREEZE,
  PF_EXITING,
  PF_IO_WORKER,
  PF_KTHREAD,
  SIGKILL_BIT,
  TIF_SIGPENDING,
} from "./constants.js";
import type { LinuxFacts } from "./facts.js";
import type { Holds } from "./holds.js";
import { isLinked } from "./task-list.js";
import type { WakeUp } from "./wake-up.js";

/**
 * The hold itself: the trap bit that the cgroup-v2 freezer uses (JOBCTL_TRAP_FREEZE, since 5.2). The task parks itself in
 * do_freezer_trap() (kernel/signal.c) on its next way back to user mode, wherever it is now: never with a kernel lock
 * held, and a fatal signal still ends it. Release clears the bit and has the guest wake the task.
 */
export interface FreezerTrap {
  readonly facts: LinuxFacts;
  readonly holds: Holds;
  readonly wakeUp: WakeUp;
}

/** Stages a hold. The guest's own freezer takes siglock to do the same (cgroup_freeze_task, kernel/cgroup/freezer.c). */
export function planHold(trap: FreezerTrap, change: TaskChange, edit: EditTransaction): "planned" | NotNow {
  const { facts, holds } = trap;
  const { space, layout } = facts;
  const task = change.address;
  const refusal = refuse(facts, change, edit);
  if (refusal !== undefined) return refusal;
  if ((space.u32(task, layout.task.flags) & (PF_KTHREAD | PF_IO_WORKER)) !== 0) return "untouchable";
  if (space.pointer(task, layout.task.mm) === 0 || space.i32(task, layout.task.tgid) <= 1)
    return "untouchable";
  if ((space.u32(task, layout.task.pendingSignals) & SIGKILL_BIT) !== 0) return "exiting";
  const hold = holds.get(task, change.id, change.startTimeNs);
  if (hold?.entry === true && trap.wakeUp.pending(task)) return "wake-up under way";
  const jobctl = space.u32(task, layout.task.jobctl);
  if ((jobctl & JOBCTL_TRAP_FREEZE) !== 0) return hold === undefined ? "traced or stopped" : "nothing to do";
  // Any other bit above the signal number is a stop or a trace in progress (include/linux/sched/jobctl.h).
  if (jobctl >>> 16 !== 0) return "traced or stopped";
  const threadFlags = space.u32(task, layout.task.threadFlags);
  edit
    .expect32(task, layout.task.jobctl, jobctl)
    .expect32(task, layout.task.threadFlags, threadFlags)
    .write32(task, layout.task.jobctl, jobctl | JOBCTL_TRAP_FREEZE)
    .write32(task, layout.task.threadFlags, threadFlags | TIF_SIGPENDING);
  holds.note(task, change.id, change.startTimeNs, "holding", false);
  return "planned";
}

/** Stages a release, or the next step of one that the guest has not finished. */
export function planRelease(
  trap: FreezerTrap,
  change: TaskChange,
  edit: EditTransaction,
): "planned" | NotNow {
  const { facts, holds, wakeUp } = trap;
  const { space, layout } = facts;
  const task = change.address;
  const hold = holds.get(task, change.id, change.startTimeNs);
  if (hold === undefined) return "not ours";
  const refusal = refuse(facts, change, edit);
  if (refusal !== undefined) return refusal;
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
  holds.note(task, change.id, change.startTimeNs, "releasing", parked);
  return "planned";
}

/** What forbids any edit of this task now. Stages the expectations that prove it is still this task, on its lists, unlocked. */
function refuse(facts: LinuxFacts, change: TaskChange, edit: EditTransaction): NotNow | undefined {
  const { space, layout } = facts;
  const at = layout.task;
  const task = change.address;
  if (space.i32(task, at.pid) !== change.id || space.u64(task, at.startTime) !== change.startTimeNs)
    return "gone";
  if (!isLinked(facts, (task + at.threadNode) as GuestVa)) return "gone";
  if ((space.u32(task, at.flags) & PF_EXITING) !== 0 || space.u32(task, at.exitState) !== 0) return "exiting";
  const sighand = space.pointer(task, at.sighand);
  if (!isKernelObject(sighand)) return "exiting";
  if (space.u32(sighand, layout.sighand.siglock) !== 0) return "lock held";
  if (layout.siglockOwner !== undefined) {
    if (space.pointer(sighand, layout.siglockOwner) !== 0) return "lock held";
    edit.expectPointer(sighand, layout.siglockOwner, nullVa);
  }
  edit
    .expect32(task, at.pid, change.id)
    .expect32(task, at.exitState, 0)
    .expect32(sighand, layout.sighand.siglock, 0);
  return undefined;
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
