import type { EditTransaction, GuestVa, NotNow } from "vmmsched/plugin-api";
import { STACK_END_MAGIC } from "./constants.js";
import type { GuestCpu, LinuxFacts } from "./facts.js";

/**
 * A way to have the guest's own try_to_wake_up() run on a parked task. Whatever it queues lies in the unused low end of
 * that task's kernel stack, one entry a task, and is not touched again before the guest has taken it.
 */
export interface WakeUp {
  readonly how: string;
  /** Is the entry that was staged for `task` still waiting in the guest? */
  pending(task: GuestVa): boolean;
  /** Stages the wake-up of a task that is off its run queue. */
  stage(task: GuestVa, edit: EditTransaction): "planned" | NotNow;
  /** Stages whatever makes the guest look at an entry that is still waiting. */
  nudge(task: GuestVa, edit: EditTransaction): "planned" | NotNow;
}

/** What a switched-out task keeps free above our entry before its saved stack pointer. */
const stackMarginBytes = 1024;

/**
 * Address of our entry in the task's stack, `offset` bytes above its end marker. Undefined when the stack does not look
 * as it must. Stages the expectation that the marker is there.
 */
export function entryAt(
  facts: LinuxFacts,
  task: GuestVa,
  offset: number,
  edit: EditTransaction,
): GuestVa | undefined {
  const { space, layout } = facts;
  const stack = space.pointer(task, layout.task.stack);
  const free = space.pointer(task, layout.task.savedStackPointer) - stack;
  if (!(free > stackMarginBytes) || space.u32(stack, 0) !== STACK_END_MAGIC) return undefined;
  edit.expect32(stack, 0, STACK_END_MAGIC);
  return (stack + offset) as GuestVa;
}

/** Entry address for reading only. */
export function entryOf(facts: LinuxFacts, task: GuestVa, offset: number): GuestVa {
  return (facts.space.pointer(task, facts.layout.task.stack) + offset) as GuestVa;
}

/** The CPU that `task` last ran on, or the first one when that CPU is offline. */
export function cpuOf(facts: LinuxFacts, task: GuestVa): GuestCpu | undefined {
  const id = facts.space.i32(task, facts.layout.task.cpu);
  for (const cpu of facts.cpus) if (cpu.id === id) return cpu;
  return facts.cpus[0];
}
