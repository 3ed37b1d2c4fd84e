import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { complaintsSince, kernelMessages } from "../health.js";
import { XenLab } from "./lab.js";
import { gainIn, secondsUntilGain } from "../observe.js";
import { isManaged, type LogLine } from "../vmmsched-log.js";
import { installTurns, turnsConfig } from "./turns-policy.js";
import { Vmmsched } from "./vmmsched.js";

const guests = ["pv1", "pvh1"] as const;
const reportMs = 250;
const xlTimeoutMs = 300_000;
const againTimeoutMs = 240_000;
/** Saved guests lie in Dom0's RAM. */
const image = "/tmp/saved";

describe("domains that are saved and restored while a process in them is held, on real Xen", () => {
  let lab: XenLab;
  let vmmsched: Vmmsched;
  const messages = new Map<string, ReadonlySet<string>>();

  before(async () => {
    lab = await XenLab.restore({ name: "save" });
    for (const name of guests) {
      messages.set(name, await kernelMessages(lab, name));
      await lab.guest(name).ask("start ice burn", /^STARTED ice /);
      await lab.guest(name).ask("freeze ice", /^FROZEN ice /);
    }
    await installTurns(lab);
  });
  after(async () => {
    await lab.close();
  });

  // The guardian leaves what a killed scheduler held to the next one.
  const config = (process: string) =>
    `recoverAfterMs: 600000\n${turnsConfig(guests, { process, turns: [] })}`;

  async function idOf(name: string): Promise<number> {
    return Number((await lab.dom0.run(`xl domid ${name}`)).stdout);
  }

  async function saveAndRestore(name: string): Promise<void> {
    await lab.dom0.run(`xl save ${name} ${image}`, { timeoutMs: xlTimeoutMs });
    await lab.dom0.run(`xl restore ${image}; code=$?; rm ${image}; exit $code`, { timeoutMs: xlTimeoutMs });
  }

  const edits = (lines: readonly LogLine[], event: "hold" | "release", name: string) =>
    lines.filter(
      (line) =>
        line.event === event && line.domain === name && line.outcome === "committed" && line.name === "work",
    );

  async function edited(event: "hold" | "release", name: string): Promise<void> {
    await vmmsched.waitForLog((lines) => edits(lines, event, name).length > 0, againTimeoutMs);
  }

  async function gain(name: string, work: string): Promise<number> {
    await lab.guest(name).send(`report ${String(reportMs)}`);
    const gained = await gainIn(lab, name, work, 1);
    await lab.guest(name).send("report 0");
    return gained;
  }

  async function assertStill(name: string, works: readonly string[], when: string): Promise<void> {
    for (const work of works) assert.ok((await gain(name, work)) <= 1, `${name}: ${work} runs ${when}`);
  }

  async function assertRunsAgain(name: string): Promise<void> {
    await lab.guest(name).send(`report ${String(reportMs)}`);
    const seconds = await secondsUntilGain(lab, name, ["work"], 30);
    await lab.guest(name).send("report 0");
    process.stdout.write(`      ${name}: runs again ${seconds.toFixed(2)} s after it was looked at\n`);
  }

  it("are held on in the new domain, by the scheduler that finds them held there", async () => {
    vmmsched = await Vmmsched.start(lab, config("work"), guests);
    for (const name of guests) await lab.guest(name).ask("start work burn", /^STARTED work /);
    for (const name of guests) {
      await edited("hold", name);
      const old = await idOf(name);
      const began = performance.now();
      await saveAndRestore(name);
      const id = await idOf(name);
      assert.notEqual(id, old);
      process.stdout.write(
        `      ${name}: saved and restored in ${((performance.now() - began) / 1000).toFixed(0)} s\n`,
      );
      const attached = (line: LogLine) => line.event === "domain-attached" && line.id === id;
      const log = await vmmsched.waitForLog((lines) => lines.some(attached), againTimeoutMs);
      await assertStill(name, ["work", "ice"], "after its domain was restored");
      assert.deepEqual(
        edits(log.slice(log.findIndex(attached)), "hold", name),
        [],
        "was not taken over, but held anew",
      );
    }
  });

  it("are held on after a checkpoint, with which the domain goes on", async () => {
    for (const name of guests) {
      await lab.dom0.run(`xl save -c ${name} ${image}; code=$?; rm ${image}; exit $code`, {
        timeoutMs: xlTimeoutMs,
      });
      await vmmsched.waitForLog((lines) => isManaged(lines, name), againTimeoutMs);
      await assertStill(name, ["work", "ice"], "after a checkpoint");
    }
    assert.deepEqual(
      (await vmmsched.logLines()).filter(({ level, name }) => level === "error" || name === "ice"),
      [],
    );
  });

  it("are released where nobody wishes it any more when the scheduler is killed, and the next one comes", async () => {
    await vmmsched.signal("KILL");
    await vmmsched.waitForExit();
    await saveAndRestore("pv1");
    for (const name of guests) await assertStill(name, ["work"], "although nobody has released it");
    vmmsched = await Vmmsched.start(lab, config("nothing"), guests);
    for (const name of guests) {
      await edited("release", name);
      await assertRunsAgain(name);
      await assertStill(name, ["ice"], "although its guest froze it");
    }
    assert.equal(await vmmsched.stop(), 0);
    assert.deepEqual(
      (await vmmsched.logLines()).filter(({ level, name }) => level === "error" || name === "ice"),
      [],
    );
  });

  it("leave the guests' own freezing to them, without a complaint", async () => {
    for (const name of guests) {
      const guest = lab.guest(name);
      await guest.ask("thaw ice", /^THAWED ice /);
      await guest.send(`report ${String(reportMs)}`);
      await secondsUntilGain(lab, name, ["ice"], 30);
      await guest.send("report 0");
      assert.deepEqual(complaintsSince(messages.get(name), await kernelMessages(lab, name)), [], name);
    }
  });
});
