import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { secondsUntilGain } from "../observe.js";
import { sleepMs, type LogLine } from "../vmmsched-log.js";
import { assertNoComplaint } from "./complaints.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { Vmmsched } from "./vmmsched.js";
import { wantedKills } from "./wanted.js";

const reportMs = 100;
const resumedWithinMs = 2_000;
/** Of the guest's time: the guardian waits half a second, then starts `recover`, a program of its own, on a busy host. */
const releasedWithinSeconds = 30;
/** Where in the scheduler's rounds the blow falls. */
const anyMomentMs = 300;

const config = `
recoverAfterMs: 500
policies:
  - name: idle-only
    options:
      background: [{ domain: batch, process: bg }]
      domainCpuPercent: 40
`;

const guests = ["batch", "web"] as const;
const blows = ["scheduler", "guardian", "both"] as const;

for (const kernel of wantedKernels)
  describe(`Killed beside QEMU guests, Linux ${kernel.series}`, () => {
    let lab: QemuLab;
    before(async () => {
      lab = await QemuLab.open("kill", kernel);
      for (const name of guests) await lab.boot({ name, vcpus: 1 });
      await lab.guest("batch").send(`report ${String(reportMs)}`);
      await lab.guest("batch").ask("start bg burn", /^STARTED bg /);
      await lab.guest("web").ask("start load burn", /^STARTED load /);
    });
    after(async () => {
      await lab[Symbol.asyncDispose]();
    });

    it(`${String(wantedKills)} times, while a task is held: no guest stays paused, and nothing stays held`, async () => {
      const took = { resumed: 0, released: 0 };
      for (let i = 0; i < wantedKills; i++) {
        const blow = blows[i % blows.length] ?? "scheduler";
        await using vmmsched = await Vmmsched.start(lab, config, guests);
        await vmmsched.waitForLog((lines) => lines.some(({ event }) => event === "hold"));
        await sleepMs(Math.random() * anyMomentMs);
        if (blow !== "guardian") vmmsched.kill();
        if (blow !== "scheduler") process.kill(guardianOf(vmmsched.log), "SIGKILL");
        took.resumed = Math.max(took.resumed, await untilAllRun());
        if (blow === "guardian") {
          await vmmsched.waitForLog((lines) => startsOf(lines).length === 2);
          assert.equal(await vmmsched.stop(), 0);
        } else if (blow === "both") {
          await using next = await Vmmsched.start(lab, config, guests);
          assert.equal(await next.stop(), 0);
        }
        const seconds = await secondsUntilGain(lab, "batch", ["bg"], releasedWithinSeconds);
        took.released = Math.max(took.released, seconds);
      }
      process.stdout.write(
        `      at most ${took.resumed.toFixed(0)} ms until all guests ran, ${took.released.toFixed(1)} s until what was held did\n`,
      );
    }).timeout(120_000 + wantedKills * 120_000);

    it("leaves the guests healthy", async () => {
      for (const name of guests) await assertNoComplaint(lab.guest(name));
    });

    /** Milliseconds until QEMU says of every guest that it runs. */
    async function untilAllRun(): Promise<number> {
      const since = performance.now();
      for (;;) {
        const states = await Promise.all(guests.map(statusOf));
        const tookMs = performance.now() - since;
        if (states.every((state) => state === "running")) return tookMs;
        assert.ok(tookMs < resumedWithinMs, `after ${tookMs.toFixed(0)} ms: ${states.join(", ")}`);
        await sleepMs(10);
      }
    }

    async function statusOf(name: string): Promise<string> {
      return (await lab.admin(name)).status("query-status");
    }
  });

function startsOf(lines: readonly LogLine[]): readonly LogLine[] {
  return lines.filter(({ event }) => event === "guardian-started");
}

function guardianOf(lines: readonly LogLine[]): number {
  const pid = startsOf(lines).at(-1)?.guardian;
  assert.ok(typeof pid === "number", "no guardian was started");
  return pid;
}
