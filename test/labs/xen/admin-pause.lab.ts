import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { assertHealthy, readHealth, type Health } from "../health.js";
import { XenLab } from "./lab.js";
import { gainIn, secondsUntilGain } from "../observe.js";
import { pausedDomains } from "./domain-states.js";
import { sleepMs } from "../vmmsched-log.js";
import { Vmmsched } from "./vmmsched.js";

const guests = ["pv1", "pv2", "pvh1"] as const;
const crew = ["crew-0", "crew-1"] as const;
const reportMs = 250;
/** Each change of pv1's phase makes vmmsched pause, edit and unpause pv2. */
const other = "alt alternate 1500 1500";
/** So many changes are watched while the administrator's pause lasts. */
const changes = 4;

const config = `
intervalMs: 100
policyDeadlineMs: 400
policies:
  - name: idle-only
    options:
      background: [{ domain: pv2, process: crew }]
      domainCpuPercent: 40
`;

describe("an administrator's pause on real Xen", () => {
  let lab: XenLab;
  let health: ReadonlyMap<string, Health>;
  before(async () => {
    lab = await XenLab.restore({ name: "admin-pause" });
    // Not pv2: a guest that was paused for long may complain of it, whoever paused it.
    health = await readHealth(lab, ["pv1", "pvh1"]);
    await lab.guest("pv2").ask("start crew threads 2", /^STARTED crew /);
    await lab.guest("pv2").send(`report ${String(reportMs)}`);
  });
  after(async () => {
    await lab.close();
  });

  async function xl(command: "pause" | "unpause"): Promise<void> {
    await lab.dom0.run(`xl ${command} pv2`);
  }

  /** Looks for as long as pv1 needs for some changes: pv2 is paused in `xl list` each time, and its console is silent. */
  async function assertStaysPaused(when: string): Promise<void> {
    const [pv1, pv2] = [lab.guest("pv1"), lab.guest("pv2")];
    await sleepMs(500);
    const silentSince = await pv2.end();
    const changesSince = await pv1.end();
    const isOver = async () => {
      const { lines } = await pv1.lines(changesSince);
      return lines.filter((line) => line.startsWith("PHASE alt")).length >= changes;
    };
    const deadline = performance.now() + 60_000;
    let looks = 0;
    do {
      assert.deepEqual(await pausedDomains(lab), ["pv2"], `${when}: paused domains at look ${String(looks)}`);
      looks++;
      assert.ok(performance.now() < deadline, `${when}: pv1 does not change`);
    } while (!(await isOver()));
    assert.equal(await pv2.end(), silentSince, `${when}: pv2 ran`);
    process.stdout.write(`      ${when}: paused at each of ${String(looks)} looks, and silent\n`);
  }

  async function assertRunsAgain(when: string): Promise<void> {
    const seconds = await secondsUntilGain(lab, "pv2", crew, 5);
    assert.deepEqual(await pausedDomains(lab), [], `${when}: paused domains`);
    process.stdout.write(`      ${when}: its threads gained ticks within ${seconds.toFixed(2)} s\n`);
  }

  /** Waits until pv2's threads are held, and sees them stand still. */
  async function assertHeld(vmmsched: Vmmsched): Promise<void> {
    await vmmsched.waitForLog(
      (lines) =>
        lines.filter(({ event, domain }) => event === "hold" && domain === "pv2").length >= crew.length,
      60_000,
    );
    for (const thread of crew) {
      const gained = await gainIn(lab, "pv2", thread, 1);
      assert.ok(gained <= 1, `${thread} gained ${String(gained)} ticks in a second although it is held`);
    }
  }

  async function stopped(vmmsched: Vmmsched): Promise<void> {
    assert.equal(await vmmsched.stop(), 0, "exit code");
    const log = await vmmsched.logLines();
    assert.deepEqual(
      log.filter(({ level }) => level === "error"),
      [],
    );
    const edits = log.filter(({ outcome, domain }) => outcome === "committed" && domain === "pv2").length;
    const left = log.findLast(({ event }) => event === "stopped")?.left;
    process.stdout.write(
      `      vmmsched stopped: ${String(edits)} edits of pv2, ${String(left)} tasks left\n`,
    );
  }

  it("that was there before our start outlasts our start, our cycle and our stop", async () => {
    await lab.guest("pv1").ask(`start ${other}`, /^STARTED alt /);
    await xl("pause");
    const vmmsched = await Vmmsched.start(lab, config, guests);
    await assertStaysPaused("paused before our start, during our cycle");
    await stopped(vmmsched);
    await assertStaysPaused("after our stop");
    await xl("unpause");
    await assertRunsAgain("unpaused");
  });

  it("that comes while we hold tasks is neither ended by our edits nor shortened, and counts nest", async () => {
    const vmmsched = await Vmmsched.start(lab, config, guests);
    await vmmsched.waitForLog(
      (lines) => lines.some(({ event, domain }) => event === "hold" && domain === "pv2"),
      60_000,
    );
    await xl("pause");
    await assertStaysPaused("paused while we hold and release");
    await xl("pause");
    await assertStaysPaused("paused twice");
    await xl("unpause");
    await assertStaysPaused("paused twice, unpaused once");
    await lab.guest("pv1").ask("stop alt", /^STOPPED alt /);
    await xl("unpause");
    await assertRunsAgain("unpaused as often, with the others idle");
    await stopped(vmmsched);
    await assertRunsAgain("after our stop");
  });

  it("that comes while a task is held lets it be released after the unpause", async () => {
    await lab.guest("pv1").ask("start load burn", /^STARTED load /);
    const vmmsched = await Vmmsched.start(lab, config, guests);
    await assertHeld(vmmsched);
    await xl("pause");
    await lab.guest("pv1").ask("stop load", /^STOPPED load /);
    // Time for vmmsched to find pv1 idle and to ask for the release.
    await sleepMs(2_000);
    assert.deepEqual(await pausedDomains(lab), ["pv2"]);
    await xl("unpause");
    await assertRunsAgain("released while paused, then unpaused");
    await stopped(vmmsched);
  });

  it("that comes while a task is held, and lasts until after our stop, lets it run after the unpause", async () => {
    await lab.guest("pv1").ask("start load burn", /^STARTED load /);
    const vmmsched = await Vmmsched.start(lab, config, guests);
    await assertHeld(vmmsched);
    await xl("pause");
    await stopped(vmmsched);
    assert.deepEqual(await pausedDomains(lab), ["pv2"]);
    await xl("unpause");
    await assertRunsAgain("held, paused, stopped, then unpaused");
    await lab.guest("pv1").ask("stop load", /^STOPPED load /);
  });

  it("leaves the other guests healthy, with their clocks right", async () => {
    await lab.guest("pv2").send("stop crew");
    await assertHealthy(lab, health);
  });
});
