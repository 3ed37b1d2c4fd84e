import assert from "node:assert/strict";
import { handOver } from "../cycle/replacement.js";
import { isVmmschedError, messageOf } from "../errors.js";
import {
  holdsAndReleases,
  holdThem,
  plansBindToNothing,
  refusesWhatIsNotThere,
} from "./machine-contract-holds.js";
import { setsPriorities } from "./machine-contract-priorities.js";
import { survivesDamage } from "./machine-contract-damage.js";
import {
  AttachedMachine,
  attachedTo,
  msNs,
  type ExpectedTask,
  type MachineTrial,
  type SeenTask,
} from "./profile-trial.js";

/** One thing that every guest profile must keep to on its machines. `run` throws when it does not. */
export interface MachineCheck {
  readonly title: string;
  run(trial: MachineTrial): Promise<void>;
}

const looks = 20;

/** What every guest profile keeps to on a machine with its operating system. */
export const machineContract: readonly MachineCheck[] = [
  { title: "recognises it, and says how and what it can do", run: describesIt },
  { title: "lists exactly its tasks, whenever it looks", run: listsItsTasks },
  { title: "never pauses it to look", run: looksWithoutPausing },
  { title: "survives memory that is damaged", run: survivesDamage },
  { title: "holds tasks and lets them go", run: holdsAndReleases },
  { title: "sets exactly the priorities that it is told to", run: setsPriorities },
  { title: "plans that are not committed change nothing", run: plansBindToNothing },
  { title: "refuses tasks that are not there, and those that are never held", run: refusesWhatIsNotThere },
  { title: "sees what an earlier version of it held", run: seesEarlierHolds },
];

async function describesIt(trial: MachineTrial): Promise<void> {
  using attached = await AttachedMachine.start(trial);
  const { os, version, evidence, capabilities } = attached.kernel.description;
  assert.ok(os !== "" && version !== "", "os and version of the description must not be empty");
  assert.ok(evidence.length > 0, "the description must say how the kernel was identified");
  for (const name of ["hold", "release", "priority"] as const) {
    const capability = capabilities[name];
    const said = capability.can ? capability.how : capability.why;
    assert.ok(said !== "", `the description must say how it can ${name}, or why it cannot`);
  }
}

async function listsItsTasks(trial: MachineTrial): Promise<void> {
  using attached = await AttachedMachine.start(trial);
  for (let look = 0; look < looks; look++) {
    attached.machine.advance(7 * msNs);
    const seen = attached.look().filter(({ state }) => state !== "exited");
    const expected = attached.machine.tasks();
    assert.deepEqual(seen.map((task) => textOf(task)).sort(), expected.map((task) => textOf(task)).sort());
    for (const task of expected) {
      const found = seen.find(({ id }) => id === task.id);
      if (task.state !== undefined) assert.equal(found?.state, task.state, `state of ${textOf(task)}`);
      if (task.priority !== undefined)
        assert.equal(found?.priority, task.priority, `priority of ${textOf(task)}`);
    }
    inOrder(seen);
  }
}

function textOf({ process, id, name, kernel, untouchable }: ExpectedTask | SeenTask): string {
  const kind = `${kernel === true ? " kernel" : ""}${untouchable === true ? " untouchable" : ""}`;
  return `${String(process)}/${String(id)} ${name}${kind}`;
}

/** Rows of one process follow each other, and only the first has the flag of a leader. */
function inOrder(seen: readonly SeenTask[]): void {
  const met = new Set<number>();
  let before: number | undefined;
  for (const { process, id, leader } of seen) {
    const first = process !== before;
    assert.ok(!first || !met.has(process), `the rows of process ${String(process)} do not follow each other`);
    assert.equal(leader, first, `leader flag of task ${String(id)}: the first row of a process has it`);
    met.add(process);
    before = process;
  }
}

async function looksWithoutPausing(trial: MachineTrial): Promise<void> {
  using attached = await AttachedMachine.start(trial);
  const first = attached.look();
  assert.deepEqual(attached.look(), first, "two looks at a guest that stands still differ");
  assert.equal(attached.domain.pauses, 0, "attach and scan must not pause the domain");
}

async function seesEarlierHolds(trial: MachineTrial): Promise<void> {
  using attached = await AttachedMachine.start(trial);
  if (!attached.kernel.description.capabilities.hold.can) return;
  holdThem(attached, attached.oftenBusy());
  const held = attached.look().filter(({ hold }) => hold !== "none");
  assert.ok(held.length > 0, "nothing could be held");
  using next = await attachedTo(trial, attached.domain);
  handOver(attached.kernel, next, 8192);
  const seen = attached.look(next).filter(({ hold }) => hold !== "none");
  assert.deepEqual(
    seen.map(({ id }) => id),
    held.map(({ id }) => id),
  );
}

/** Does the profile leave this domain alone? It may throw, as long as it is a VmmschedError. */
export async function leavesAlone(
  trial: Omit<MachineTrial, "machine" | "seed">,
  domain: Parameters<MachineTrial["profile"]["attach"]>[0],
): Promise<void> {
  const { profile, options, layouts } = trial;
  try {
    using kernel = await profile.attach(domain, structuredClone(options), layouts);
    if (kernel === undefined) return;
    const { os, version } = kernel.description;
    assert.fail(`attach recognised ${os} ${version} where there is none`);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert.ok(isVmmschedError(error), `attach threw what is no VmmschedError: ${messageOf(error)}`);
  }
}
