import type { EditTransaction, NotNow, HoldChange } from "vmmsched/plugin-api";
import type { LinuxFacts } from "./facts.js";
import { planTrapRelease } from "./freezer-trap.js";
import type { HiddenTasks } from "./hidden-tasks.js";
import type { HoldMethod } from "./hold-method.js";
import type { Holds } from "./holds.js";
import { planSleepOn } from "./sleep-on.js";
import { isTakenOff, planTakenOffRelease } from "./taken-off.js";
import { refuse, refuseHold } from "./task-guards.js";
import type { WakeUp } from "./wake-up.js";

export interface HoldTools {
  readonly facts: LinuxFacts;
  readonly holds: Holds;
  readonly wakeUp: WakeUp;
  readonly hidden: HiddenTasks;
  /** How tasks are held from now on. Undefined: the one that is asked for does not work in this kernel. */
  readonly method: HoldMethod | undefined;
  /** For those that were trapped under other options. */
  readonly trap: HoldMethod;
}

/** Stages a hold. A task that is held already stays held in the way it was. */
export function planHold(
  { facts, holds, wakeUp, hidden, method: chosen, trap }: HoldTools,
  change: HoldChange,
  edit: EditTransaction,
): "planned" | NotNow {
  const task = change.address;
  const refusal = refuse(facts, change, hidden.has(task), edit) ?? refuseHold(facts, task);
  if (refusal !== undefined) return refusal;
  const hold = holds.get(task, change.id, change.startTimeNs);
  if (hold?.entry === true && wakeUp.pending(task)) return "wake-up under way";
  if (hold !== undefined && hold.method !== "trap" && isTakenOff(facts, task)) {
    hold.phase = "holding";
    return "nothing to do";
  }
  const method = hold?.method === "trap" ? trap : chosen;
  if (method === undefined) return "not by this method";
  const taken = method.plan(task, hold?.method === method.name, edit);
  const planned = taken === "asleep" ? planSleepOn(facts, task, edit) : taken;
  if (planned === "planned") holds.note(task, change.id, change.startTimeNs, method.name);
  return planned;
}

/** Stages a release, or the next step of one that the guest has not finished. */
export function planRelease(
  { facts, holds, wakeUp, hidden }: HoldTools,
  change: HoldChange,
  edit: EditTransaction,
): "planned" | NotNow {
  const task = change.address;
  const hold = holds.get(task, change.id, change.startTimeNs);
  if (hold === undefined) return "not ours";
  const refusal = refuse(facts, change, hidden.has(task), edit);
  if (refusal !== undefined) return refusal;
  return hold.method === "trap"
    ? planTrapRelease(facts, wakeUp, task, hold, edit)
    : planTakenOffRelease(facts, wakeUp, task, hold, edit);
}
