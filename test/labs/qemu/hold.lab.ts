import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import type { HoldMethodName } from "../../../guest-profiles/linux/hold-method.js";
import { alignClock, clockError } from "./clock.js";
import { assertNoComplaint } from "./complaints.js";
import { Cycles, emptyFigures, type WorkFigures } from "./cycles.js";
import { Hand } from "./hand.js";
import { record } from "./hold-record.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { assertDiesOfTerm, assertHandlesTermLater } from "./signals.js";
import { assertRefused } from "./refusals.js";
import { wantedHolds, wantedMethods, wantedVcpus } from "./wanted.js";
import { killWorks, startProcesses, startWorks, works, type RunningWork, type Work } from "./works.js";

/** The guest tells of so many cycles itself, if there are as many: of all works at once. In the others each work keeps its own pace. */
const toldCycles = 20;
const caseTimeoutMs = 300_000;
const cycleTimeoutMs = 10_000;

const ways = [
  { wake: "interrupt", cycles: wantedHolds, how: "injected interrupt" },
  { wake: "tick", cycles: Math.ceil(wantedHolds / 10), how: "next tick" },
] as const;

/** How often a task of another class is held; of each time the guest tells. */
const otherClassHolds = Math.min(wantedHolds, 10);
/** Classes beside the fair one, and whether a method holds them. */
const otherClasses = ["fifo", "deadline"] as const;
const holdsAnyClass: Readonly<Record<HoldMethodName, boolean>> = {
  trap: true,
  deschedule: true,
  unlink: false,
};

for (const kernel of wantedKernels)
  for (const vcpus of wantedVcpus)
    describe(`Holds on QEMU, Linux ${kernel.series}, ${String(vcpus)} vCPUs`, () => {
      let lab: QemuLab;
      let began = 0;
      let pausedMs = 0;
      const guest = () => lab.guest("guest");
      before(async () => {
        lab = await QemuLab.open("hold", kernel);
        await lab.boot({ name: "guest", vcpus });
        await alignClock(guest());
        began = performance.now();
        // Who is alone on a CPU never waits there, and cannot be unlinked.
        for (let cpu = 0; cpu < vcpus; cpu++)
          await startProcesses(guest(), `beside${String(cpu)}`, `pinned ${String(cpu)}`);
      });
      after(async () => {
        await lab[Symbol.asyncDispose]();
      });

      /** A hand that can hold by this method. */
      async function handOf(method: HoldMethodName): Promise<Hand> {
        const hand = await Hand.open(lab, "guest", { hold: method, interrupts: true });
        const { hold } = hand.kernel.description.capabilities;
        if (hold.can) return hand;
        hand[Symbol.dispose]();
        return assert.fail(hold.why);
      }

      /** Runs a test with works that are at work, and nothing of it left for the next one. */
      async function withWorks(
        hand: Hand,
        wanted: readonly Work[],
        body: (cycles: Cycles, running: readonly RunningWork[]) => Promise<void>,
      ): Promise<void> {
        const running = await startWorks(guest(), hand, wanted);
        try {
          await body(new Cycles(guest(), hand, running), running);
        } catch (error) {
          // At once: hours of other tests may follow, and what is stopped below may fail for the same reason.
          process.stdout.write(`      ${String(error)}\n`);
          throw error;
        } finally {
          pausedMs += hand.pausedMs;
          hand.pausedMs = 0;
          for (const { work, pids } of running)
            if (hand.threads(pids).length > 0) await guest().send(`stop ${work.name.replaceAll(" ", "-")}`);
        }
      }

      for (const method of wantedMethods)
        describe(`by ${method}`, () => {
          for (const { wake, cycles, how } of ways)
            it(`${String(cycles)} times, released by ${how}: gains nothing while held, runs again each time, dies of SIGKILL while held`, async () => {
              using hand = await Hand.open(lab, "guest", { hold: method, interrupts: wake === "interrupt" });
              const tell = (figures: readonly (readonly [Work, WorkFigures])[]) =>
                record(
                  lab,
                  { series: kernel.series, kernel: hand.kernel.description.version, vcpus, method, wake },
                  figures,
                );
              const { hold, release } = hand.kernel.description.capabilities;
              if (!hold.can) {
                await tell(works.map((work) => [work, { ...emptyFigures(), failures: [hold.why] }]));
                assert.fail(hold.why);
              }
              assert.ok(release.can && release.how.includes(how), JSON.stringify(release));
              await withWorks(hand, works, async (turns, running) => {
                try {
                  const told = Math.min(cycles, toldCycles);
                  for (let left = told; left > 0; left--) {
                    await turns.once(true);
                    await turns.apart(Math.floor(cycles / told) - 1);
                  }
                  await turns.apart(cycles % told);
                } finally {
                  await tell(turns.all());
                }
                await turns.hold();
                await killWorks(guest(), running);
                assert.deepEqual(hand.threads(running.flatMap(({ pids }) => pids)), []);
                turns.assertNoFailure();
              });
            }).timeout(caseTimeoutMs + cycles * cycleTimeoutMs);

          it("dies of SIGTERM while held, or handles it when it is released", async () => {
            using hand = await handOf(method);
            await withWorks(hand, [{ name: "victim", command: "burn" }], async (turns, [victim]) => {
              await turns.hold();
              await assertDiesOfTerm(guest(), hand, "victim", victim?.pids[0] ?? 0);
            });
            await withWorks(hand, [{ name: "polite", command: "polite" }], async (turns, [polite]) => {
              await assertHandlesTermLater(guest(), hand, turns, "polite", polite?.pids[0] ?? 0);
            });
          }).timeout(caseTimeoutMs);

          for (const other of otherClasses)
            it(`${holdsAnyClass[method] ? "holds" : "refuses"} a task of another class: ${other}`, async () => {
              using hand = await handOf(method);
              await withWorks(hand, [{ name: other, command: other }], async (turns, [running]) => {
                if (!holdsAnyClass[method]) await assertRefused(hand, running?.pids ?? []);
                else for (let turn = 0; turn < otherClassHolds; turn++) await turns.once(true);
                turns.assertNoFailure();
              });
            }).timeout(caseTimeoutMs);
        });

      // In a group of its own: tests of a group come before the groups in it.
      describe("afterwards", () => {
        it("is healthy, with a clock that lost no more than the pauses", async () => {
          const elapsed = (performance.now() - began) / 1000;
          const off = await clockError(guest());
          const paused = pausedMs / 1000;
          process.stdout.write(
            `      paused ${paused.toFixed(2)} s of ${elapsed.toFixed(0)} s; the guest's clock is off by ${off.toFixed(2)} s\n`,
          );
          assert.ok(off <= paused + 0.01 * elapsed + 0.5, `off by ${off.toFixed(2)} s`);
          await assertNoComplaint(guest());
        });
      });
    });
