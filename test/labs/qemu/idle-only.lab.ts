import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { cpuSamples, rate, windows, type Window } from "../cpu-shares.js";
import { assertNoComplaint } from "./complaints.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { Vmmsched } from "./vmmsched.js";

const alternations = 3;
const busyMs = 7_000;
const idleMs = 5_000;
const reportMs = 100;
/** Between a change of the other guest and the next decision after it, and what a busy host adds to that. */
const reactionSeconds = 2;

const policies = `
policies:
  - name: idle-only
    options:
      background: [{ domain: batch, process: bg }]
      domainCpuPercent: 40
`;

const cases = [
  { qtest: true, kind: "burn", what: "a burner, released by interrupts" },
  { qtest: false, kind: "threads 2", what: "two threads, released by the guest's own ticks" },
] as const;

for (const kernel of wantedKernels)
  for (const { qtest, kind, what } of cases)
    describe(`idle-only on QEMU, Linux ${kernel.series}: ${what}`, () => {
      let lab: QemuLab;
      before(async () => {
        lab = await QemuLab.open("idle-only", kernel);
        await lab.boot({ name: "batch", vcpus: 1, qtest });
        await lab.boot({ name: "web", vcpus: 1, memfd: true });
      });
      after(async () => {
        await lab[Symbol.asyncDispose]();
      });

      it("gains no tick while the other guest is busy, and runs while it is idle", async () => {
        const [batch, web] = [lab.guest("batch"), lab.guest("web")];
        await batch.send(`report ${String(reportMs)}`);
        await batch.ask(`start bg ${kind}`, /^STARTED bg /);
        await using vmmsched = await Vmmsched.start(lab, policies, ["batch", "web"]);
        const from = await web.end();
        await web.ask(`start alt alternate ${String(busyMs)} ${String(idleMs)}`, /^STARTED alt /);
        for (let i = 0; i <= alternations; i++)
          await web.waitFor(/^PHASE alt idle/, busyMs + idleMs + 60_000, i === 0 ? from : await web.end());
        assert.equal(await vmmsched.stop(), 0, "exit code");
        const errors = vmmsched.log.filter(({ level }) => level === "error");
        assert.deepEqual(errors, []);
        const stopped = vmmsched.log.find(({ event }) => event === "stopped");
        assert.equal(stopped?.left, 0);

        const ahead = (await now("batch")) - (await now("web"));
        const samples = cpuSamples((await batch.lines()).lines, "bg");
        const phases = (await web.lines(from)).lines;
        const inside = ({ from: start, to }: Window) => ({
          from: start + ahead + reactionSeconds,
          to: to + ahead,
        });
        const busy = windows(phases, "alt", true).map((window) => rate(samples, inside(window)));
        const idle = windows(phases, "alt", false).map((window) => rate(samples, inside(window)));
        const shown = (rates: readonly number[]) => rates.map((each) => each.toFixed(1)).join(" ");
        process.stdout.write(
          `      ticks of 10 ms a second, by the guest's /proc: other busy ${shown(busy)}; other idle ${shown(idle)}\n` +
            `      ${JSON.stringify(stopped)}\n`,
        );
        assert.ok(busy.length >= alternations && idle.length >= alternations, "too few phases");
        for (const each of busy) assert.equal(each, 0, "ticks gained while the other guest was busy");
        for (const each of idle) assert.ok(each > 10, "it hardly ran while the other guest was idle");
      }).timeout(600_000);

      it("leaves the guests healthy", async () => {
        for (const name of ["batch", "web"]) await assertNoComplaint(lab.guest(name));
      });

      /** A guest's clock now: clocks of guests differ by up to a second. */
      async function now(name: string): Promise<number> {
        const [, realtime] = await lab.guest(name).ask("echo now", /^ECHO now rt=([\d.]+)$/);
        return Number(realtime);
      }
    });
