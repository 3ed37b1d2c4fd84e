import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "mocha";
import { ticksOf, waitForTicks } from "../observe.js";
import { sleepMs } from "../vmmsched-log.js";
import { alignClock, clockError } from "./clock.js";
import { assertNoComplaint } from "./complaints.js";
import { Hand, type SeenThread } from "./hand.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";

const holds = Number(process.env.VMMSCHED_LAB_HOLDS ?? 2000);
/** So many holds last long enough for the guest to tell of them itself. */
const toldHolds = 3;
const heldMs = 15;
const reportMs = 100;
const toldSeconds = 0.5;
const againTimeoutMs = 60_000;
/** A thread that was asleep when it was held wakes into the trap once, and uses a little: longer than `sleepy` sleeps. */
const settleMs = 60;
/** A thread counts as working if it gains anything in this time. */
const workMs = 1500;

/** Kinds of work, each the only one in its guest but for a burner that wants the CPU too. */
const works = ["burn", "syscalls", "pingpong", "futex 3", "sleepy 20", "writer"] as const;

/** Parked, or asleep with the trap waiting for it. */
const isStill = ({ hold, state }: SeenThread) =>
  hold === "held" || (hold === "holding" && (state === "sleeping" || state === "blocked"));

for (const kernel of wantedKernels)
  for (const vcpus of [1, 2])
    for (const qtest of [true, false]) {
      const way = qtest ? "an injected interrupt" : "the guest's own tick";
      describe(`${String(holds)} holds on QEMU, Linux ${kernel.series}, ${String(vcpus)} vCPUs, released by ${way}`, () => {
        let lab: QemuLab;
        let hand: Hand;
        let began = 0;
        before(async () => {
          lab = await QemuLab.open("hold", kernel);
          const guest = await lab.boot({ name: "guest", vcpus, qtest });
          await alignClock(guest);
          began = performance.now();
          await guest.ask("start other burn", /^STARTED other /);
          hand = await Hand.open(lab, "guest");
        });
        after(async () => {
          // Where the guest did not even start, there is none.
          (hand as Hand | undefined)?.[Symbol.dispose]();
          await lab[Symbol.asyncDispose]();
        });

        it("is released as the guest says", () => {
          const { release } = hand.kernel.description.capabilities;
          assert.ok(
            release.can && release.how.includes(qtest ? "injected interrupt" : "next tick"),
            JSON.stringify(release),
          );
        });

        afterEach(async () => {
          // What a failed case leaves must not disturb the next one.
          await lab.guest("guest").send("stop work");
        });

        for (const work of works)
          it(`${work}: gains nothing while it is held, runs again each time, and dies of SIGKILL while held`, async () => {
            const guest = lab.guest("guest");
            const since = await guest.end();
            await guest.ask(`start work ${work}`, /^STARTED work /);
            await sleepMs(100);
            const pids = (await guest.lines(since)).lines.flatMap((line) =>
              [...(/^STARTED work pid=(\d+)/.exec(line) ?? [])].slice(1).map(Number),
            );
            assert.equal(pids.length, work === "pingpong" ? 2 : 1);
            const working = await workersOf(hand, pids);
            assert.ok(working.length > 0, "nothing works");

            const latencies: number[] = [];
            for (let turn = 0; turn < holds; turn++) {
              await hand.bring("hold", pids, isStill);
              if (work.startsWith("sleepy")) await sleepMs(settleMs);
              const held = hand.threads(pids);
              if (turn % Math.ceil(holds / toldHolds) === 0) await assertNoTicks(lab, "work");
              else await sleepMs(heldMs);
              assertStill(held, hand.threads(pids), turn);
              const released = performance.now();
              await hand.bring("release", pids, ({ hold }) => hold === "none");
              await runAgain(hand, pids, working, held, turn);
              latencies.push(performance.now() - released);
            }

            await hand.bring("hold", pids, isStill);
            await guest.ask("stop work", /^STOPPED work /, 60_000);
            assert.deepEqual(hand.threads(pids), []);
            latencies.sort((one, other) => one - other);
            const at = (share: number) =>
              (latencies[Math.floor(share * (latencies.length - 1))] ?? 0).toFixed(1);
            process.stdout.write(
              `      ${work}: ${String(holds)} holds; release until all ran again, ms: median ${at(0.5)}, 95 % ${at(0.95)}, most ${at(1)}; ` +
                `not now: ${[...hand.notNow].map(([why, count]) => `${why} ${String(count)}`).join(", ") || "never"}\n`,
            );
          }).timeout(120_000 + holds * 10_000);

        it("leaves the guest healthy, with a clock that lost no more than the pauses", async () => {
          const guest = lab.guest("guest");
          const elapsed = (performance.now() - began) / 1000;
          const off = await clockError(guest);
          const paused = hand.pausedMs / 1000;
          process.stdout.write(
            `      paused ${paused.toFixed(2)} s of ${elapsed.toFixed(0)} s; the guest's clock is off by ${off.toFixed(2)} s\n`,
          );
          assert.ok(off <= paused + 0.01 * elapsed + 0.5, `off by ${off.toFixed(2)} s`);
          await assertNoComplaint(guest);
        });
      });
    }

/** Threads that use CPU time by themselves; the first of several only waits for the others, once it has started them. */
async function workersOf(hand: Hand, pids: readonly number[]): Promise<readonly number[]> {
  const start = hand.threads(pids);
  await sleepMs(workMs);
  const end = hand.threads(pids);
  const workers = start.filter((thread) => gained(thread, end) > 0).map(({ id }) => id);
  return end.length > pids.length ? workers.filter((id) => !pids.includes(id)) : workers;
}

function gained(before: SeenThread, now: readonly SeenThread[]): number {
  const found = now.find(({ id }) => id === before.id);
  assert.ok(found !== undefined, `thread ${String(before.id)} has gone`);
  return found.cpuTimeNs - before.cpuTimeNs;
}

function assertStill(held: readonly SeenThread[], now: readonly SeenThread[], turn: number): void {
  for (const thread of held) {
    const used = gained(thread, now);
    assert.equal(
      used,
      0,
      `hold ${String(turn)}: thread ${String(thread.id)} used ${String(used)} ns while held`,
    );
  }
}

async function runAgain(
  hand: Hand,
  pids: readonly number[],
  working: readonly number[],
  held: readonly SeenThread[],
  turn: number,
): Promise<void> {
  const deadline = performance.now() + againTimeoutMs;
  for (;;) {
    const now = hand.threads(pids);
    const still = held.filter((thread) => working.includes(thread.id) && gained(thread, now) <= 0);
    if (still.length === 0) return;
    if (performance.now() > deadline)
      assert.fail(
        `hold ${String(turn)}: did not run again: ${JSON.stringify(still)}; now ${JSON.stringify(now)}`,
      );
    await sleepMs(2);
  }
}

/** By the guest's own /proc: not a tick, for a while. */
async function assertNoTicks(lab: QemuLab, name: string): Promise<void> {
  await lab.guest("guest").send(`report ${String(reportMs)}`);
  const enough = (first: { realtime: number }, now: { realtime: number }) =>
    now.realtime - first.realtime >= toldSeconds;
  const { first, latest } = await waitForTicks(lab, "guest", enough, 30);
  await lab.guest("guest").send("report 0");
  assert.equal(ticksOf(latest, name), ticksOf(first, name), "ticks in the guest's /proc while it was held");
}
