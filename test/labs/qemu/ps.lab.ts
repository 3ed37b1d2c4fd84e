import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { compareAll, report, type Look } from "../looks.js";
import { parseProcessListings } from "../parse.js";
import { alignClock, clockError } from "./clock.js";
import { assertNoComplaint } from "./complaints.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { profileShow, ps } from "./vmmsched.js";

const looks = 40;
const looksAfterReset = 10;
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

    before(async () => {
      for (const options of guests) await lab.boot(options);
    });

    it("shows what a guest's own /proc shows, right after its boot", async () => {
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

    it("finds all that it needs in the guests' own memory, with no file given", async () => {
      const { domains } = await profileShow(lab);
      assert.deepEqual(
        domains.map(({ name }) => name),
        guests.map(({ name }) => name),
      );
      for (const { name, evidence = [], capabilities, symbols = [], members = [] } of domains) {
        assert.match(evidence.join("; "), /kallsyms and BTF in the kernel image/, name);
        for (const [what, capability] of Object.entries(capabilities ?? {}))
          assert.ok(capability.can, `${name}: no ${what}: ${capability.can ? "" : capability.why}`);
        const inDoubt = members.filter(({ certainty }) => certainty !== "confirmed" && certainty !== "read");
        assert.deepEqual(inDoubt, [], name);
        const certain = (which: string) => members.filter(({ certainty }) => certainty === which).length;
        process.stdout.write(
          `      ${name}: ${String(symbols.length)} symbols, ${String(members.length)} members: ` +
            `${String(certain("confirmed"))} confirmed in memory, ${String(certain("read"))} read in BTF\n`,
        );
      }
    });

    it(`shows what the guests' own /proc shows, ${String(looks)} times in a row while they fork`, () =>
      assertAgrees(looks));

    it("shows it after a warm reset, too, beside what the kernel before left in memory", async () => {
      for (const { name } of guests) {
        const guest = lab.guest(name);
        const since = await guest.end();
        await (await lab.admin(name)).command("system_reset");
        await guest.waitForBoot(since);
      }
      await assertAgrees(looksAfterReset);
    });

    /** Looks at guests that fork, so many times, and compares each look with the guests' own listings around it. */
    async function assertAgrees(looks: number): Promise<void> {
      const from = new Map<string, number>();
      const margins = new Map<string, number>();
      for (const { name } of guests) {
        const guest = lab.guest(name);
        from.set(name, await guest.end());
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
        const all = parseProcessListings((await lab.guest(name).lines(from.get(name))).lines);
        const totals = compareAll(name, taken, all, margin, names, mismatches);
        report(name, totals, all, margin);
        assert.equal(totals.looks, looks, `${name}: looks compared`);
      }
      assert.deepEqual(mismatches, []);
    }

    it("leaves the guests healthy", async () => {
      for (const { name } of guests) await assertNoComplaint(lab.guest(name));
    });
  });
