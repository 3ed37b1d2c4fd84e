import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { Random } from "../../../core/testing/random.js";
import { sleepMs } from "../vmmsched-log.js";
import { assertNoComplaint } from "./complaints.js";
import { Hand } from "./hand.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import type { QemuGuest } from "./qemu-guest.js";

/** How long each share is measured, in the guest's time. */
const seconds = Number(process.env.VMMSCHED_LAB_SECONDS ?? 20);
const seed = Number(process.env.VMMSCHED_LAB_SEED ?? 1);
/** sched_prio_to_weight (kernel/sched/core.c). */
const weights: ReadonlyMap<number, number> = new Map([
  [-5, 3121],
  [0, 1024],
  [5, 335],
  [10, 110],
  [19, 15],
]);
const tolerance = 0.03;
/** At nice 19 it takes 68 times as long as the host stopped. */
const mostSeconds = 120;
const changesPerSecond = 10;
/** The first threads of `futex` and `threads` only wait for the others. */
const onlyWaiting = 2;
/** What ran while it was of low priority has its turn when the others have run as much, by weight. */
const patienceMs = 120_000;
const works = ["burn", "burn", "syscalls", "pingpong", "futex 3", "sleepy 20", "threads 3"] as const;

interface Usage {
  readonly realtime: number;
  readonly nice: number;
  readonly runNs: number;
}

/** What the guest's own /proc/PID/stat and schedstat say of its workloads. */
async function usageOf(guest: QemuGuest): Promise<ReadonlyMap<string, Usage>> {
  const [, realtime, rest = ""] = await guest.ask("usage", /^USAGE rt=([\d.]+)((?: \S+)*)$/);
  const each = [...rest.matchAll(/ ([^ :]+):nice=(-?\d+):run=(\d+)/g)];
  return new Map(
    each.map(([, name = "", nice, run]) => [
      name,
      { realtime: Number(realtime), nice: Number(nice), runNs: Number(run) },
    ]),
  );
}

/**
 * The guest's own figures, in its own time: run time of `one` over that of `other`, which is to be `expected`. Where the host
 * stops a vCPU for long, the task that was there has more than its share until the guest has made up for it: then it is
 * measured on.
 */
async function assertShare(guest: QemuGuest, nice: number, length: number, how: string): Promise<void> {
  const first = await usageOf(guest);
  assert.equal(first.get("one")?.nice, nice, "nice in the guest's own /proc");
  const gained = (latest: ReadonlyMap<string, Usage>, name: string) =>
    (latest.get(name)?.runNs ?? 0) - (first.get(name)?.runNs ?? 0);
  const expected = (weights.get(nice) ?? 0) / 1024;
  for (;;) {
    await sleepMs(500);
    const latest = await usageOf(guest);
    const passed = (latest.get("one")?.realtime ?? 0) - (first.get("one")?.realtime ?? 0);
    if (passed < length) continue;
    const found = gained(latest, "one") / gained(latest, "other");
    const isRight = Math.abs(found / expected - 1) <= tolerance;
    if (!isRight && passed < mostSeconds) continue;
    process.stdout.write(
      `      nice ${String(nice)} ${how}: ${found.toFixed(4)} of the other's run time, ${expected.toFixed(4)} by weight, ` +
        `${((found / expected - 1) * 100).toFixed(2)} % off in ${passed.toFixed(1)} s\n`,
    );
    assert.ok(isRight, `nice ${String(nice)}: ${String(found)}`);
    return;
  }
}

for (const kernel of wantedKernels)
  describe(`nice values from outside on QEMU, Linux ${kernel.series}`, () => {
    let lab: QemuLab;
    before(async () => {
      lab = await QemuLab.open("nice", kernel);
    });
    after(() => lab[Symbol.asyncDispose]());

    it("gives one of two burners on one vCPU the share of its weight, and back its own", async () => {
      const guest = await lab.boot({ name: "single", vcpus: 1 });
      const [, pid] = await guest.ask("start one burn", /^STARTED one pid=(\d+)/);
      await guest.ask("start other burn", /^STARTED other /);
      using hand = await Hand.open(lab, "single", { hold: "trap", interrupts: true });
      const { priority } = hand.kernel.description.capabilities;
      assert.ok(priority.can, JSON.stringify(priority));
      for (const nice of [-5, 5, 10, 19]) {
        await hand.setPriority([Number(pid)], nice);
        await assertShare(guest, nice, seconds, "from outside");
      }
      await hand.setPriority([Number(pid)], 0);
      await assertShare(guest, 0, seconds / 2, "again");
      await guest.ask("renice one 5", /^RENICED one nice=5$/);
      await assertShare(guest, 5, seconds / 2, "by the guest itself");
      await hand.setPriority([Number(pid)], 0);
      await assertNoComplaint(guest);
      for (const name of ["one", "other"]) await guest.ask(`stop ${name}`, /^STOPPED /);
    }).timeout(300_000 + seconds * 60_000);

    it("changes tasks that run, wait and sleep at random on two vCPUs, with the guest healthy", async () => {
      const guest = await lab.boot({ name: "double", vcpus: 2 });
      const since = await guest.end();
      for (const [i, work] of works.entries())
        await guest.ask(`start w${String(i)} ${work}`, new RegExp(`^STARTED w${String(i)} `));
      await sleepMs(500);
      const { lines } = await guest.lines(since);
      const pids = lines.flatMap((line) => /^STARTED w\d+ pid=(\d+)/.exec(line)?.[1] ?? []).map(Number);
      using hand = await Hand.open(lab, "double", { hold: "trap", interrupts: true });
      const random = new Random(seed);
      const changes = seconds * changesPerSecond;
      for (let i = 0; i < changes; i++)
        await hand.setPriority([pids[random.below(pids.length)] ?? 0], random.below(40) - 20);
      await hand.setPriority(pids, 0);
      for (const { nice } of (await usageOf(guest)).values()) assert.equal(nice, 0);
      const all = await everyWorkerRuns(hand, pids);
      const why = [...hand.notNow].map(([reason, count]) => `${reason} ${String(count)}`).join(", ");
      process.stdout.write(
        `      ${String(changes)} changes of ${String(all)} threads; not now: ${why || "never"}\n`,
      );
      await assertNoComplaint(guest);
    }).timeout(300_000 + seconds * 60_000);
  });

/** Waits until every thread that has work has run again; returns how many there are. */
async function everyWorkerRuns(hand: Hand, pids: readonly number[]): Promise<number> {
  const before = hand.threads(pids);
  const deadline = performance.now() + patienceMs;
  for (;;) {
    await sleepMs(500);
    const now = new Map(hand.threads(pids).map(({ id, cpuTimeNs }) => [id, cpuTimeNs]));
    const waiting = before.filter(({ id, cpuTimeNs }) => (now.get(id) ?? 0) <= cpuTimeNs);
    if (waiting.length === onlyWaiting) return before.length;
    if (performance.now() > deadline)
      assert.fail(`did not run again: ${JSON.stringify(waiting)} of ${String(before.length)}`);
  }
}
