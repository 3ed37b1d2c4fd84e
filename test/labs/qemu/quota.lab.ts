import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { cpuSamples, rate } from "../cpu-shares.js";
import {
  clockOf,
  measureSpenders,
  quotaPercents,
  quotaPoints,
  quotaPolicies,
  sharedPercent,
  sharedPoints,
  startSpenders,
  type Spender,
} from "../quota-experiment.js";
import { sleepMs } from "../vmmsched-log.js";
import { assertNoComplaint } from "./complaints.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { Vmmsched } from "./vmmsched.js";

/** A guest's accounting is compared with its clock first: a share by one that runs too fast says nothing. */
const freeSeconds = 5;
const mostPerSecond = 105;

const burner: Spender = { domain: "batch", process: "bg" };
const three: readonly Spender[] = [
  burner,
  { domain: "batch", process: "bg2" },
  { domain: "web", process: "bg3" },
];

for (const kernel of wantedKernels)
  describe(`time-quota on QEMU, Linux ${kernel.series}`, () => {
    let lab: QemuLab;
    before(async () => {
      lab = await QemuLab.open("quota", kernel);
      await lab.boot({ name: "batch", vcpus: 1, qtest: true, tsc: false });
      await lab.boot({ name: "web", vcpus: 1, qtest: true, tsc: false });
    });
    after(async () => {
      await lab[Symbol.asyncDispose]();
    });

    it("begins with a burner whose guest accounts no more than there is", async () => {
      await startSpenders(lab, [burner]);
      const from = await clockOf(lab, burner.domain);
      await sleepMs(1000 * freeSeconds);
      const window = { from, to: await clockOf(lab, burner.domain) };
      const free = rate(cpuSamples((await lab.guest(burner.domain).lines()).lines, burner.process), window);
      assert.ok(free < mostPerSecond, `the guest accounts ${free.toFixed(0)} ticks of 10 ms in a second`);
    });

    for (const percent of quotaPercents)
      it(`gives a burner ${String(percent)} % of a CPU, by the guest's own accounting`, async () => {
        await assertShare(percent, [burner], quotaPoints);
      }).timeout(600_000);

    it(`gives three in two guests ${String(sharedPercent)} % of a CPU together`, async () => {
      await startSpenders(lab, three.slice(1));
      await assertShare(sharedPercent, three, sharedPoints);
    }).timeout(600_000);

    it("leaves the guests healthy", async () => {
      for (const name of ["batch", "web"]) await assertNoComplaint(lab.guest(name));
    });

    async function assertShare(percent: number, spenders: readonly Spender[], points: number): Promise<void> {
      const vmmsched = await Vmmsched.start(lab, quotaPolicies(percent, spenders), ["batch", "web"]);
      let found: number;
      let seconds: number;
      try {
        await vmmsched.waitForLog((lines) => lines.some(({ event }) => event === "hold"));
        const since = performance.now();
        found = await measureSpenders(lab, spenders);
        seconds = (performance.now() - since) / 1000;
        assert.equal(await vmmsched.stop(), 0, "exit code");
      } finally {
        await vmmsched[Symbol.asyncDispose]();
      }
      assert.deepEqual(
        vmmsched.log.filter(({ level }) => level === "error"),
        [],
      );
      const stopped = vmmsched.log.find(({ event }) => event === "stopped");
      assert.equal(stopped?.left, 0);
      // What a guest accounts has our pauses in it, as far as they met a spender: those are not held against it.
      const pausedPercent = (100 * (stopped.pauses?.totalNs ?? Number.NaN)) / 1e9 / seconds;
      process.stdout.write(
        `      ${found.toFixed(2)} % of a CPU, up to ${pausedPercent.toFixed(2)} % of it in pauses\n      ${JSON.stringify(stopped)}\n`,
      );
      assert.ok(
        found >= percent - points && found - pausedPercent <= percent + points,
        `${found.toFixed(2)} % rather than ${String(percent)} %`,
      );
    }
  });
