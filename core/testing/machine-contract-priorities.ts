import assert from "node:assert/strict";
import { leastNice, mostNice } from "../nice.js";
import { AttachedMachine, msNs, type MachineTrial, type SeenTask } from "./profile-trial.js";
import { RecordedEdit } from "./recorded-edit.js";

/** From one end of the scale to the other, and back to most tasks' own. */
const niceValues = [mostNice, leastNice, 5, 0];

/** Each priority that is set is the one that a scan and the machine itself show then, and is given back likewise. */
export async function setsPriorities(trial: MachineTrial): Promise<void> {
  using attached = await AttachedMachine.start(trial);
  const { kernel } = attached;
  if (!kernel.description.capabilities.priority.can) return;
  const before = attached.look();
  const busy = attached.gainedWithin(500 * msNs);
  const tasks = attached.holdable().filter(({ id }) => busy.has(id));
  assert.ok(tasks.length > 0, "give the machine a process that uses CPU time and may be changed");
  for (const nice of niceValues) {
    const priority = kernel.priorityOf?.(nice) ?? 0;
    for (const task of tasks) set(attached, task, priority);
    attached.machine.advance(100 * msNs);
    for (const task of tasks) shows(attached, task, priority);
  }
  for (const task of tasks) set(attached, task, task.priority);
  for (const task of tasks) shows(attached, task, task.priority);
  bindsToNothing(attached, tasks);
  refusesStrangers(attached, tasks, before);
  assert.equal(attached.machine.domain.info.paused, false, "the domain stays paused");
}

function set(attached: AttachedMachine, task: SeenTask, priority: number): void {
  const outcome = attached.change({ priority }, task);
  assert.ok(
    outcome === "committed" || outcome === "nothing to do",
    `priority ${String(priority)} of ${textOf(task)}: ${outcome}`,
  );
}

/** It has this priority, by everybody's word. */
function shows(attached: AttachedMachine, task: SeenTask, priority: number): void {
  const found = attached.look().find(({ id }) => id === task.id);
  assert.equal(found?.priority, priority, `priority of ${textOf(task)} in a scan`);
  const known = attached.machine.tasks().find(({ id }) => id === task.id);
  if (known?.priority !== undefined)
    assert.equal(known.priority, priority, `priority of ${textOf(task)} by the machine`);
  const again = attached.change({ priority }, task);
  assert.equal(again, "nothing to do", `${textOf(task)} has priority ${String(priority)} already`);
}

function bindsToNothing(attached: AttachedMachine, tasks: readonly SeenTask[]): void {
  const { pauses } = attached.domain;
  for (const task of tasks) attached.plan({ priority: otherThan(attached, task) }, task, new RecordedEdit());
  assert.equal(attached.domain.pauses, pauses, "plan must not pause the domain");
  for (const task of tasks) shows(attached, task, task.priority);
}

function refusesStrangers(
  attached: AttachedMachine,
  [task]: readonly SeenTask[],
  before: readonly SeenTask[],
): void {
  if (task === undefined) return;
  const strangers: readonly (readonly [what: string, task: SeenTask])[] = [
    ["with another id", { ...task, id: task.id + 1_000_003 }],
    ["that began at another time", { ...task, startTimeNs: task.startTimeNs + 1 }],
    ...before.filter(({ kernel }) => kernel).map((one) => [`of the kernel (${textOf(one)})`, one] as const),
  ];
  for (const [what, stranger] of strangers) {
    const priority = otherThan(attached, stranger);
    const planned = attached.plan({ priority }, stranger, new RecordedEdit());
    assert.notEqual(planned, "planned", `it plans to change the priority of a task ${what}`);
  }
}

/** A priority of the guest's scale that the task has not got. */
function otherThan({ kernel }: AttachedMachine, { priority }: SeenTask): number {
  const least = kernel.priorityOf?.(mostNice) ?? 0;
  return priority === least ? (kernel.priorityOf?.(0) ?? 0) : least;
}

function textOf({ id, name }: SeenTask): string {
  return `task ${String(id)} (${name})`;
}
