import assert from "node:assert/strict";
import type { Explanation, ProcessExplanation } from "../../../core/cycle/explain/explanation.js";
import { isVmmschedError } from "../../../core/errors.js";
import { connectControl } from "../../../core/control/socket/client.js";
import { controlSocketIn } from "../../../core/control/socket/socket-path.js";
import { parseProcessListings, taskComm, type Process } from "../parse.js";
import type { QemuGuest } from "./qemu-guest.js";

/** A workload, and what `explain` has to say of each of its threads. */
export interface Expected {
  readonly name: string;
  /** The policy whose wish counts, with its reason. */
  readonly because: string;
}

/**
 * Asks the scheduler with this runtime directory to explain every process of a guest, and compares the answers with the guest's own /proc, and
 * those of workloads with `expected`. Returns how many it has asked for.
 */
export async function assertExplained(
  folder: string,
  guest: QemuGuest,
  expected: readonly Expected[],
): Promise<number> {
  const nices = await nicesOf(guest);
  const listed = await listing(guest);
  const gone: Process[] = [];
  using client = await connectControl(controlSocketIn(folder));
  for (const process of listed) {
    const args = { domain: guest.name, pid: String(process.pid) };
    try {
      const { processes } = (await client.call("scheduler.explain", args)) as Explanation;
      assert.equal(processes?.length, 1);
      const [found] = processes;
      assert.ok(found !== undefined);
      assert.equal(found.name, taskComm(process.comm));
      assert.equal(found.pid, process.pid);
      const workload = expected.find(({ name }) => name === found.name);
      if (workload === undefined) assertLeftAlone(found);
      else assertWorkload(found, workload, nices.get(found.name));
    } catch (error) {
      if (!isVmmschedError(error, "ERR_PROCESS_UNKNOWN")) throw error;
      gone.push(process);
    }
  }
  const still = new Set((await listing(guest)).map(({ pid, start }) => `${String(pid)} ${String(start)}`));
  assert.deepEqual(
    gone.filter(({ pid, start }) => still.has(`${String(pid)} ${String(start)}`)),
    [],
    "they are there, and explain does not know them",
  );
  return listed.length;
}

function assertLeftAlone({ name, pid, kernel, untouchable, threads }: ProcessExplanation): void {
  if (!kernel && !untouchable) return;
  for (const { hold, priority } of threads) {
    assert.deepEqual([hold.counts, hold.state], [false, "none"], `${name} ${String(pid)}`);
    assert.equal(priority.niceCounts, undefined, `${name} ${String(pid)}`);
  }
}

function assertWorkload(
  { name, threads }: ProcessExplanation,
  { because }: Expected,
  nice: number | undefined,
): void {
  for (const { hold, priority } of threads) {
    assert.deepEqual([hold.counts, hold.state], [false, "none"], name);
    assert.equal(priority.because, because, name);
    assert.equal(priority.niceCounts, priority.presentNice, `${name}: what counts is in force`);
    // Whole nice values are alternated where what is due lies between two of them, so a tick may come between both looks.
    assert.ok(
      Math.abs((priority.presentNice ?? Number.NaN) - (nice ?? Number.NaN)) <= 1,
      `${name} has nice ${String(nice)}`,
    );
  }
}

/** Nice values of workloads, by the guest's own /proc. */
async function nicesOf(guest: QemuGuest): Promise<ReadonlyMap<string, number>> {
  const [, rest = ""] = await guest.ask("usage", /^USAGE rt=[\d.]+((?: \S+)*)$/, 120_000);
  return new Map(
    [...rest.matchAll(/ ([^ :]+):nice=(-?\d+):/g)].map(([, name = "", nice]) => [name, Number(nice)]),
  );
}

/** Its processes, as its own /proc has them. */
async function listing(guest: QemuGuest): Promise<readonly Process[]> {
  const since = await guest.end();
  await guest.send("proclist 2000");
  await guest.waitFor(/^PROC end/, 120_000, since);
  await guest.send("proclist 0");
  const [first] = parseProcessListings((await guest.lines(since)).lines);
  assert.ok(first !== undefined, "its listing was damaged");
  return first.processes;
}
