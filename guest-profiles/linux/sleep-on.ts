import type { EditTransaction, GuestVa, NotNow } from "vmmsched/plugin-api";
import {
  PF_FREEZER_SKIP,
  TASK_FREEZABLE,
  TASK_INTERRUPTIBLE,
  TASK_SLEEPS_ON,
  TIF_SIGPENDING,
} from "./constants.js";
import type { LinuxFacts } from "./facts.js";

/**
 * Stages that a sleeping task sleeps on: its state becomes one that no wake-up but a fatal signal's matches. Only for
 * sleeps that the guest's own freezer would take for frozen as they are: there a task holds no lock, and bears being woken
 * for nothing (kernel/freezer.c; nanosleep, futex). A wake-up that comes meanwhile is lost, and made up for by the one
 * with which the task is released: it looks for itself then whether to sleep again.
 */
export function planSleepOn(facts: LinuxFacts, task: GuestVa, edit: EditTransaction): "planned" | NotNow {
  const { space, layout } = facts;
  const at = layout.task;
  const state = space.u32(task, at.state);
  const flags = space.u32(task, at.flags);
  if (state !== freezableSleep(facts)) return "asleep";
  if (hasFreezerSkip(facts) && (flags & PF_FREEZER_SKIP) === 0) return "asleep";
  if (space.u32(task, at.onRq) !== 0 || space.u32(task, at.onCpu) !== 0) return "kernel mode";
  if (space.u32(task, at.piLock) !== 0) return "lock held";
  const jobctl = space.u32(task, at.jobctl);
  if (jobctl >>> 16 !== 0) return "traced or stopped";
  const threadFlags = space.u32(task, at.threadFlags);
  if ((threadFlags & TIF_SIGPENDING) !== 0) return "signal pending";
  edit
    .expect32(task, at.flags, flags)
    .expect32(task, at.state, state)
    .expect32(task, at.onRq, 0)
    .expect32(task, at.onCpu, 0)
    .expect32(task, at.piLock, 0)
    .expect32(task, at.jobctl, jobctl)
    .expect32(task, at.threadFlags, threadFlags)
    .write32(task, at.state, TASK_SLEEPS_ON);
  return "planned";
}

/** The state that a task which sleeps on had before. */
export function freezableSleep(facts: LinuxFacts): number {
  return hasFreezerSkip(facts) ? TASK_INTERRUPTIBLE : TASK_INTERRUPTIBLE | TASK_FREEZABLE;
}

/** Since f5d39b020809 (6.1) the state itself says so, and this counter is gone. */
function hasFreezerSkip({ symbols }: LinuxFacts): boolean {
  return symbols.has("system_freezing_cnt");
}
