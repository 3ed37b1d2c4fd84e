import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { compareAll, report, type Look } from "../looks.js";
import { parseProcessListings } from "../parse.js";
import { alignClock, clockError } from "./clock.js";
import { assertNoComplaint } from "./complaints.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { ps } from "./vmmsched.js";

const looks = 40;
const everyMs = 400;
/** Children a second and guest, as far as the emulated CPU can. */
const forkRate = 100;
const listEveryMs = 800;
const workloads = [`fork forker ${String(forkRate)}`, "crew threads 3", "nap sleepy 100"];
const names = workloads.map((workload) => workload.split(" ")[0] ?? "");
const guests = [
  { name: "one", vcpus: 1 },
  { name: "two", vcpus: 2, memfd: true },
] as const;

for (const kernel of wantedKernels)
  describe(`vmmsched ps on QEMU guests with Linux ${kernel.series}`, () => {
    let lab: QemuLab;
    before(async () => {
      lab = await QemuLab.open("ps", kernel);
    });
    after(async () => {
      await lab[Symbol.asyncDispose]();
    });

    it("shows what a guest's own /proc shows, right after its boot", async () => {
      for (const options of guests) await lab.boot(options);
      const [look] = (await ps(lab)) as readonly Look[];
      for (const { name } of guests) {
        const guest = lab.guest(name);
        const domain = look?.domains.find((one) => one.name === name);
        assert.equal(domain?.managed, true, `${name}: ${domain?.reason ?? "not seen"}`);
        await guest.send("proclist 500");
        await guest.waitFor(/^PROC end/, 60_000);
        await guest.send("proclist 0");
        const [listing] = parseProcessListings((await guest.lines()).lines);
        const init = listing?.processes.find(({ pid }) => pid === 1);
        assert.equal(domain.processes.find(({ pid }) => pid === 1)?.name, init?.comm, name);
        assert.ok(domain.processes.length > 20, `${name}: only ${String(domain.processes.length)} processes`);
      }
    });

    it(`shows what the guests' own /proc shows, ${String(looks)} times in a row while they fork`, async () => {
      const margins = new Map<string, number>();
      for (const { name } of guests) {
        const guest = lab.guest(name);
        await alignClock(guest);
        margins.set(name, await clockError(guest));
        for (const workload of workloads)
          await guest.ask(`start ${workload}`, new RegExp(`^STARTED ${workload.split(" ")[0] ?? ""} `));
        await guest.send(`proclist ${String(listEveryMs)}`);
        await guest.waitFor(/^PROC end/, 60_000, await guest.end());
      }
      const taken = (await ps(lab, "--count", String(looks), "--every", String(everyMs))) as readonly Look[];
      assert.equal(taken.length, looks);
      for (const { name } of guests) {
        const guest = lab.guest(name);
        // A listing under way may have begun before the last look ended; the next has not.
        for (let i = 0; i < 2; i++) await guest.waitFor(/^PROC end/, 60_000, await guest.end());
        await guest.send("proclist 0");
        for (const workload of names) await guest.send(`stop ${workload}`);
        margins.set(name, Math.max(margins.get(name) ?? 0, await clockError(guest)));
      }

      const mismatches: string[] = [];
      for (const { name } of guests) {
        const margin = margins.get(name) ?? 0;
        const all = parseProcessListings((await lab.guest(name).lines()).lines);
        const totals = compareAll(name, taken, all, margin, names, mismatches);
        report(name, totals, all, margin);
        assert.equal(totals.looks, looks, `${name}: looks compared`);
      }
      assert.deepEqual(mismatches, []);
    });

    it("leaves the guests healthy", async () => {
      for (const { name } of guests) await assertNoComplaint(lab.guest(name));
    });
  });
