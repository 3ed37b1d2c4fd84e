import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { ticksOf, waitForTicks } from "../observe.js";
import { labSources } from "../places.js";
import { sleepMs } from "../vmmsched-log.js";
import { alignClock, clockError } from "./clock.js";
import { assertNoComplaint } from "./complaints.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { Vmmsched } from "./vmmsched.js";

const minutes = Number(process.env.VMMSCHED_LAB_SOAK_MINUTES ?? 30);
const seed = Number(process.env.VMMSCHED_LAB_SEED ?? 1);
/** Each in force for as long as the others, one after the other. */
const methods = ["trap", "deschedule", "unlink"] as const;
/** A clock stands still while its QEMU is stopped; what busy emulated kernels lose beside that. */
const driftShare = 0.01;

const guests = [
  { name: "one", vcpus: 1 },
  { name: "two", vcpus: 2, qtest: false },
] as const;

const works = [
  ...["burn-a burn", "burn-b burn", "calls syscalls", "ball pingpong", "locks futex 3", "crew threads 3"],
  ...["nap sleepy 20", "file writer", "parent forker 20", "turns alternate 700 300"],
] as const;
/** Those that use a CPU whenever they can. */
const hungry = ["burn-a", "burn-b", "calls", "ball", "locks", "crew", "nap", "file", "turns"];

const configuration = (method: (typeof methods)[number]) => `
pluginDirectories: [${join(labSources, "qemu", "policies")}]
profiles: { linux: { hold: ${method} } }
policies:
  - name: random-holds
    options: { seed: ${String(seed)}, share: 0.7 }
`;

for (const kernel of wantedKernels)
  describe(`${String(minutes)} minutes of random holds on QEMU, Linux ${kernel.series}, seed ${String(seed)}`, () => {
    let lab: QemuLab;
    let began = 0;
    let pausedSeconds = 0;
    before(async () => {
      lab = await QemuLab.open("soak", kernel);
      for (const options of guests) {
        const guest = await lab.boot(options);
        await alignClock(guest);
        for (const work of works) await guest.ask(`start ${work}`, /^STARTED /);
      }
      began = performance.now();
    });
    after(async () => {
      await lab[Symbol.asyncDispose]();
    });

    it("holds and releases up to 70 % of the processes at random, and ends with nothing held", async () => {
      const names = guests.map(({ name }) => name);
      await using vmmsched = await Vmmsched.start(lab, configuration(methods[0]), names);
      for (const method of methods) {
        if (method !== methods[0]) await vmmsched.configure(configuration(method));
        const from = vmmsched.log.length;
        await sleepMs((minutes * 60_000) / methods.length);
        const count = (event: string) =>
          vmmsched.log.slice(from).filter((line) => line.event === event && line.outcome === "committed")
            .length;
        process.stdout.write(
          `      ${method}: ${String(count("hold"))} holds, ${String(count("release"))} releases\n`,
        );
        assert.ok(count("hold") > minutes * 20, `${method}: hardly anything was held`);
      }
      assert.equal(await vmmsched.stop(), 0, "exit code");
      assert.deepEqual(
        vmmsched.log.filter(({ level }) => level === "error"),
        [],
      );
      const stopped = vmmsched.log.find(({ event }) => event === "stopped");
      pausedSeconds = (stopped?.pauses?.totalNs ?? 0) / 1e9;
      process.stdout.write(`      ${JSON.stringify(stopped)}\n`);
      assert.equal(stopped?.left, 0);
    }).timeout(minutes * 60_000 + 600_000);

    it("leaves every process running", async () => {
      for (const { name } of guests) {
        await lab.guest(name).send("report 500");
        await waitForTicks(
          lab,
          name,
          (first, latest) => hungry.every((work) => ticksOf(latest, work) > ticksOf(first, work)),
          120,
        );
        await lab.guest(name).send("report 0");
      }
    });

    it("leaves the guests healthy, with clocks that are right", async () => {
      const elapsed = (performance.now() - began) / 1000;
      for (const { name } of guests) {
        const off = await clockError(lab.guest(name));
        process.stdout.write(
          `      ${name}: the clock is off by ${off.toFixed(2)} s after ${elapsed.toFixed(0)} s\n`,
        );
        assert.ok(
          off <= pausedSeconds + driftShare * elapsed + 0.5,
          `${name}: the clock is off by ${off.toFixed(2)} s`,
        );
        await assertNoComplaint(lab.guest(name));
      }
    });
  });
