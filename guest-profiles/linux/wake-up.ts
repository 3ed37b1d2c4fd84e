import type { EditTransaction, GuestVa, NotNow } from "vmmsched/plugin-api";
import type { GuestCpu, LinuxFacts } from "./facts.js";

/**
 * A way to have the guest's own try_to_wake_up() run on a task. Whatever it queues lies in a slot of its own
 * ({@link WakeUpSlots}), and is not touched again before the guest has taken it.
 */
export interface WakeUp {
  readonly how: string;
  /** Is an entry that was staged for `task` still waiting in the guest? */
  pending(task: GuestVa): boolean;
  /** Stages the wake-up of a task that is off its run queue. */
  stage(task: GuestVa, edit: EditTransaction): "planned" | NotNow;
  /** Stages whatever makes the guest look at an entry that is still waiting. */
  nudge(task: GuestVa, edit: EditTransaction): "planned" | NotNow;
}

/** The CPU that `task` last ran on, or the first one when that CPU is offline. */
export function cpuOf(facts: LinuxFacts, task: GuestVa): GuestCpu | undefined {
  const id = facts.space.i32(task, facts.layout.task.cpu);
  for (const cpu of facts.cpus) if (cpu.id === id) return cpu;
  return facts.cpus[0];
}
