import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { assertHealthy, readHealth, type Health } from "../health.js";
import { XenLab } from "./lab.js";
import { parseProcessListings, type ProcessListing } from "../parse.js";
import { compareAll, report, type Look } from "../looks.js";
import { sleepMs } from "../vmmsched-log.js";

const guests = ["pv1", "pv2", "pvh1"] as const;
const looks = 100;
const everyMs = 400;
/** Children a second and guest, as far as the emulated CPU can. */
const forkRate = 5;
const listEveryMs = 800;
const psTimeoutMs = 900_000;

const workloads = [`fork forker ${String(forkRate)}`, "crew threads 3", "nap sleepy 100"];
const names = workloads.map((workload) => workload.split(" ")[0] ?? "");
describe("vmmsched ps on real Xen", () => {
  let lab: XenLab;
  let health: ReadonlyMap<string, Health>;
  before(async () => {
    lab = await XenLab.restore({ name: "ps" });
    health = await readHealth(lab, guests);
  });
  after(async () => {
    await lab.close();
  });

  /** Bound of the difference between a guest's clock and Dom0's, in seconds. */
  async function clockError(name: string): Promise<number> {
    const { stdout } = await lab.dom0.run(`guest-clock ${name}`, { timeoutMs: 120_000 });
    const [, ahead, error] = /by (-?[\d.]+) ms, \+- ([\d.]+) ms/.exec(stdout) ?? [];
    const bound = (Math.abs(Number(ahead)) + Number(error)) / 1000;
    assert.ok(bound < 0.1, stdout);
    return bound;
  }

  async function listings(name: string): Promise<readonly ProcessListing[]> {
    return parseProcessListings((await lab.guest(name).lines()).lines);
  }

  it(`shows what the guests' own /proc shows, ${String(looks)} times in a row while they fork`, async () => {
    const margins = new Map<string, number>();
    for (const name of guests) margins.set(name, await clockError(name));
    for (const name of guests) {
      for (const workload of workloads) {
        const started = new RegExp(`^STARTED ${workload.split(" ")[0] ?? ""} `);
        await lab.guest(name).ask(`start ${workload}`, started);
      }
      await lab.guest(name).send(`proclist ${String(listEveryMs)}`);
      await lab.guest(name).waitFor(/^PROC end/, 60_000);
    }

    const command = `node dist/core/main.js ps --json --count ${String(looks)} --every ${String(everyMs)}`;
    await lab.dom0.run(`cd /opt/vmmsched && ${command} > /tmp/ps.jsonl`, { timeoutMs: psTimeoutMs });
    for (const name of guests) {
      // A listing under way may have begun before the last look ended; the next has not.
      for (let i = 0; i < 2; i++) {
        await lab.guest(name).waitFor(/^PROC end/, 60_000, await lab.guest(name).end());
      }
      await lab.guest(name).send("proclist 0");
      for (const workload of workloads) {
        await lab.guest(name).send(`stop ${workload.split(" ")[0] ?? ""}`);
      }
    }
    await sleepMs(3_000);
    for (const name of guests) margins.set(name, Math.max(margins.get(name) ?? 0, await clockError(name)));

    const { stdout } = await lab.dom0.run("cat /tmp/ps.jsonl");
    const taken = stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Look);
    assert.equal(taken.length, looks);

    const mismatches: string[] = [];
    for (const name of guests) {
      const margin = margins.get(name) ?? 0;
      const all = await listings(name);
      const totals = compareAll(name, taken, all, margin, names, mismatches);
      report(name, totals, all, margin);
      assert.equal(totals.looks, looks, `${name}: looks compared`);
    }
    assert.deepEqual(mismatches, []);
  });

  it("leaves the guests healthy, with their clocks right", async () => {
    await assertHealthy(lab, health);
  });
});
