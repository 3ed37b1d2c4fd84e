import type { EditTransaction, GuestVa, NotNow } from "vmmsched/plugin-api";
import { TASK_ON_RQ_QUEUED, TASK_SLEEPS_ON, TASK_TAKEN_OFF } from "./constants.js";
import type { LinuxFacts } from "./facts.js";
import type { Hold } from "./holds.js";
import { lockedRunQueueOf } from "./run-queue/of-task.js";
import { freezableSleep } from "./sleep-on.js";
import type { WakeUp } from "./wake-up.js";

/** Has the task the state of one that we took off its run queue, that is about to leave it, or that we have sleep on? */
export function isTakenOff({ space, layout }: LinuxFacts, task: GuestVa): boolean {
  const state = space.u32(task, layout.task.state);
  return state === TASK_TAKEN_OFF || state === TASK_SLEEPS_ON;
}

/** Does the task no longer run? One whose dequeue is delayed (EEVDF, 6.12) is on the queue, but not for being picked. */
export function isOffQueue(facts: LinuxFacts, task: GuestVa): boolean {
  const { space, layout } = facts;
  if (space.u32(task, layout.task.onCpu) !== 0) return false;
  return space.u32(task, layout.task.onRq) === 0 || isDelayed(facts, task);
}

/** se.sched_delayed. */
export function isDelayed({ space, runQueue }: LinuxFacts, task: GuestVa): boolean {
  if (typeof runQueue === "string" || runQueue.entity.delayed === undefined) return false;
  return space.u8(task, runQueue.task.entity + runQueue.entity.delayed) !== 0;
}

/**
 * Stages the release of a task that was descheduled or unlinked or sleeps on, or its next step, and notes it in `hold`. Off
 * the queue, the guest wakes it itself: try_to_wake_up() picks a CPU that the task may run on by now, places it in virtual
 * time and keeps every count, which an insertion from outside would have to do over. Still on it, its state is taken back.
 */
export function planTakenOffRelease(
  facts: LinuxFacts,
  wakeUp: WakeUp,
  task: GuestVa,
  hold: Hold,
  edit: EditTransaction,
): "planned" | NotNow {
  const { space, layout } = facts;
  const at = layout.task;
  if (hold.entry && wakeUp.pending(task)) return wakeUp.nudge(task, edit);
  if (!isTakenOff(facts, task)) return "nothing to do";
  if (space.u32(task, at.piLock) !== 0) return "lock held";
  const state = space.u32(task, at.state);
  edit.expect32(task, at.piLock, 0).expect32(task, at.state, state);
  const onRq = space.u32(task, at.onRq);
  const off = isOffQueue(facts, task);
  edit.expect32(task, at.onRq, onRq);
  if (off) {
    edit.expect32(task, at.onCpu, 0);
    if (state === TASK_SLEEPS_ON) edit.write32(task, at.state, freezableSleep(facts));
    const woken = wakeUp.stage(task, edit);
    if (woken !== "planned") return woken;
  } else {
    // __schedule() reads the state and takes the task off under this lock.
    const locked = lockedRunQueueOf(facts, task, edit);
    if (typeof locked === "string") return locked;
    if (onRq !== TASK_ON_RQ_QUEUED || isDelayed(facts, task)) return "migrating";
    edit.write32(task, at.state, 0);
  }
  hold.phase = "releasing";
  hold.entry = off;
  return "planned";
}
