import assert from "node:assert/strict";
import { messageOf } from "../errors.js";
import type { GuestVa } from "../memory/address.js";
import { AttachedMachine, isAllowed, msNs, type MachineTrial, type SeenTask } from "./profile-trial.js";
import { RecordedEdit } from "./recorded-edit.js";

const settleTries = 200;
const observedNs = 500 * msNs;

/** What a hold and a release are by the machine's own counters, whatever the profile says of them. */
export async function holdsAndReleases(trial: MachineTrial): Promise<void> {
  using attached = await AttachedMachine.start(trial);
  const { capabilities } = attached.kernel.description;
  const tasks = attached.oftenBusy();
  assert.ok(tasks.length > 0, "give the machine a process that uses CPU time all along and may be held");
  if (!capabilities.hold.can || !capabilities.release.can) {
    for (const task of tasks)
      assert.notEqual(
        attached.plan("hold", task, new RecordedEdit()),
        "planned",
        "it says that it cannot hold",
      );
    return;
  }
  for (const task of tasks)
    assert.equal(attached.change("hold", task), "committed", `hold of ${textOf(task)}`);
  // One that ran may only have been made to leave its CPU so far: as a wish is made anew each tick, so is the change.
  holdThem(attached, tasks);
  const whileHeld = attached.gainedWithin(observedNs);
  for (const task of tasks) assert.ok(!whileHeld.has(task.id), `${textOf(task)} runs although it is held`);
  for (const task of tasks) {
    assert.equal(
      attached.plan("hold", task, new RecordedEdit()),
      "nothing to do",
      `second hold of ${textOf(task)}`,
    );
    assert.equal(attached.change("release", task), "committed", `release of ${textOf(task)}`);
  }
  settle(attached, tasks, "none", (task) => attached.change("release", task));
  const afterwards = attached.gainedWithin(2 * observedNs);
  for (const task of tasks)
    assert.ok(afterwards.has(task.id), `${textOf(task)} does not run after its release`);
  assert.equal(attached.machine.domain.info.paused, false, "the domain stays paused");
}

/** Wishes a hold of all of these tasks until they are held, as a policy does. */
export function holdThem(attached: AttachedMachine, tasks: readonly SeenTask[]): void {
  settle(attached, tasks, "held", (task, hold) => {
    if (hold === "none" || hold === "releasing") attached.change("hold", task);
  });
}

/** Lets the guest run until all of these tasks are in this hold state; `nudge` is for those that are not, with the state they are in. */
function settle(
  attached: AttachedMachine,
  tasks: readonly SeenTask[],
  wanted: SeenTask["hold"],
  nudge: (task: SeenTask, hold: SeenTask["hold"] | undefined) => unknown,
): void {
  let left = tasks;
  for (let i = 0; i < settleTries && left.length > 0; i++) {
    attached.machine.advance(5 * msNs);
    const now = new Map(attached.look().map(({ id, hold }) => [id, hold]));
    left = tasks.filter(({ id }) => now.get(id) !== wanted);
    for (const task of left) nudge(task, now.get(task.id));
  }
  assert.deepEqual(left.map(textOf), [], `tasks that never were "${wanted}"`);
}

export async function plansBindToNothing(trial: MachineTrial): Promise<void> {
  using attached = await AttachedMachine.start(trial);
  if (!attached.kernel.description.capabilities.hold.can) return;
  const busy = attached.gainedWithin(observedNs);
  const tasks = attached.holdable().filter(({ id }) => busy.has(id));
  const edit = new RecordedEdit();
  const planned = tasks.filter((task) => {
    let outcome = attached.plan("hold", task, edit);
    for (let i = 0; i < settleTries && outcome !== "planned"; i++) {
      attached.machine.advance(msNs);
      outcome = attached.plan("hold", task, edit);
    }
    return outcome === "planned";
  });
  assert.ok(planned.length > 0, "no hold could be planned");
  assert.equal(attached.domain.pauses, 0, "plan must not pause the domain");
  const gained = attached.gainedWithin(2 * observedNs);
  for (const task of planned)
    assert.ok(gained.has(task.id), `${textOf(task)} was only planned to be held, and stands`);
  for (const task of attached.look())
    assert.equal(task.hold, "none", `${textOf(task)} was only planned to be held`);
  for (const task of planned)
    assert.notEqual(attached.plan("release", task, edit), "planned", `${textOf(task)} is not held`);
}

export async function refusesWhatIsNotThere(trial: MachineTrial): Promise<void> {
  using attached = await AttachedMachine.start(trial);
  const [task] = attached.holdable();
  assert.ok(task !== undefined, "give the machine a process that may be held");
  const at = (address: number) => ({ ...task, address: address as GuestVa });
  const strangers: readonly (readonly [what: string, task: SeenTask])[] = [
    ["with another id", { ...task, id: task.id + 1_000_003 }],
    ["that began at another time", { ...task, startTimeNs: task.startTimeNs + 1 }],
    ["at address 0", at(0)],
    ["in user space", at(0x7f0000001000)],
    ["in unmapped memory", at(-(2 ** 40))],
    // An address of five-level paging may be too large for its low bits to count.
    ...(task.address + 1 === task.address
      ? []
      : [["at an unaligned address", at(task.address + 1)] as const]),
    ["8 bytes further", at(task.address + 8)],
    ...attached
      .look()
      .filter(({ kernel, untouchable }) => kernel || untouchable)
      .map((one) => [`that is never held (${textOf(one)})`, one] as const),
  ];
  for (const [what, stranger] of strangers) {
    try {
      const planned = attached.plan("hold", stranger, new RecordedEdit());
      assert.notEqual(planned, "planned", `it plans to hold a task ${what}`);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      assert.ok(
        isAllowed(error),
        `plan of a task ${what} threw what is no VmmschedError: ${messageOf(error)}`,
      );
    }
  }
}

function textOf({ id, name }: SeenTask): string {
  return `task ${String(id)} (${name})`;
}
