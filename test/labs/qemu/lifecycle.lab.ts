import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { gainIn, ticksOf, waitForTicks } from "../observe.js";
import { isManaged, sleepMs } from "../vmmsched-log.js";
import { assertNoComplaint } from "./complaints.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { QmpRelay } from "./qmp-relay.js";
import { Vmmsched } from "./vmmsched.js";

const attachTimeoutMs = 180_000;

/** `bg` is held whenever it is there: `web`'s burner never rests. */
const policies = `
policies:
  - name: idle-only
    options:
      background: [{ domain: batch, process: bg }]
      domainCpuPercent: 5
`;

const [kernel] = wantedKernels;
if (kernel === undefined) throw new Error("there is no kernel to boot");

describe(`QEMU guests that come, go and reboot under vmmsched, Linux ${kernel.series}`, () => {
  let lab: QemuLab;
  let vmmsched: Vmmsched;
  let relay: QmpRelay;
  before(async () => {
    lab = await QemuLab.open("lifecycle", kernel);
    relay = await QmpRelay.inPlaceOf((await lab.boot({ name: "batch", vcpus: 1, kexec: true })).qmp);
    await lab.boot({ name: "web", vcpus: 1 });
    await lab.guest("web").ask("start front burn", /^STARTED front /);
    vmmsched = await Vmmsched.start(lab, policies, ["batch", "web"]);
  });
  after(async () => {
    await vmmsched[Symbol.asyncDispose]();
    relay[Symbol.dispose]();
    await lab[Symbol.asyncDispose]();
  });

  const about = (event: string, domain: string) =>
    vmmsched.log.filter((line) => line.event === event && line.domain === domain);

  /** Starts `bg` in `batch`; it is held, and the guest's own /proc says so. */
  async function assertHolds(): Promise<void> {
    const before = about("hold", "batch").length;
    await lab.guest("batch").ask("start bg burn", /^STARTED bg /);
    await vmmsched.waitForLog(() => about("hold", "batch").length > before);
    await sleepMs(1000);
    await assertStill();
  }

  async function assertStill(): Promise<void> {
    const batch = lab.guest("batch");
    await batch.send("report 100");
    const enough = (first: { realtime: number }, last: { realtime: number }) =>
      last.realtime - first.realtime > 1;
    const { first, latest } = await waitForTicks(lab, "batch", enough, 30);
    await batch.send("report 0");
    assert.equal(ticksOf(latest, "bg"), ticksOf(first, "bg"));
  }

  it("holds, to begin with", assertHolds);

  it("a QMP connection that is lost is made again, and what was held is held on, and let go as ever", async () => {
    const attached = about("domain-attached", "batch").length;
    relay.cut();
    await vmmsched.waitForLog(() => about("domain-attached", "batch").length > attached, attachTimeoutMs);
    // Two scans tell that the hold is ours.
    await sleepMs(1000);
    await assertStill();
    await lab.guest("web").send("stop front");
    await lab.guest("batch").send("report 100");
    assert.ok((await gainIn(lab, "batch", "bg", 10)) > 0, "it was not let go");
    await lab.guest("batch").send("report 0");
    const held = about("hold", "batch").length;
    await lab.guest("web").ask("start front burn", /^STARTED front /);
    await vmmsched.waitForLog(() => about("hold", "batch").length > held);
  });

  it("an administrator's stop stays, and his cont is not undone", async () => {
    const admin = await lab.admin("batch");
    const status = async () => await admin.status("query-status");
    await admin.command("stop");
    // Releasing bg is an edit that needs a pause: it must not resume a machine that somebody else stopped.
    await lab.guest("web").send("stop front");
    const before = about("release", "batch").length;
    await vmmsched.waitForLog(() => about("release", "batch").length > before);
    await sleepMs(500);
    assert.equal(await status(), "paused");
    await admin.command("cont");
    assert.equal(await status(), "running");
    await sleepMs(500);
    assert.equal(await status(), "running");
    await lab.guest("web").ask("start front burn", /^STARTED front /);
    await lab.guest("batch").ask("stop bg", /^STOPPED bg /, 60_000);
  });

  it("a guest that reboots is a new domain, and is held in again", async () => {
    const batch = lab.guest("batch");
    const ids = () => about("domain-attached", "batch").map(({ id }) => id);
    const old = ids().at(-1);
    const since = await batch.end();
    await batch.send("reboot");
    await batch.waitForBoot(since);
    await vmmsched.waitForLog(() => ids().at(-1) !== old, attachTimeoutMs);
    // Firmware resets the machine once more on its way.
    assert.ok(about("domain-gone", "batch").length >= 1);
    await assertHolds();
  });

  it("a reset by an administrator while something is held, too", async () => {
    const batch = lab.guest("batch");
    const old = about("domain-attached", "batch").length;
    const since = await batch.end();
    await (await lab.admin("batch")).command("system_reset");
    await batch.waitForBoot(since);
    await vmmsched.waitForLog(() => about("domain-attached", "batch").length > old, attachTimeoutMs);
    await assertHolds();
  });

  it("a kernel that another replaces by kexec is given up, and the new one is held in", async () => {
    const batch = lab.guest("batch");
    const [attached, unmanaged] = [
      about("domain-attached", "batch").length,
      about("domain-unmanaged", "batch"),
    ];
    const since = await batch.end();
    await batch.send("kexec");
    await batch.waitForBoot(since);
    await vmmsched.waitForLog(() => about("domain-attached", "batch").length > attached, attachTimeoutMs);
    const reasons = about("domain-unmanaged", "batch")
      .slice(unmanaged.length)
      .map(({ reason }) => reason);
    process.stdout.write(`      ${JSON.stringify(reasons)}\n`);
    assert.ok(reasons.length > 0, "it was never given up");
    assert.equal(about("tasks-left-held", "batch").length, 0);
    await assertHolds();
    await assertNoComplaint(batch);
  });

  it("a QEMU that is killed is dropped, and one that takes its name is attached", async () => {
    await lab.guest("batch").kill();
    const gone = about("domain-gone", "batch").length;
    await vmmsched.waitForLog(
      () => about("domain-gone", "batch").length > gone || !isManaged(vmmsched.log, "batch"),
    );
    await lab.boot({ name: "batch", vcpus: 2, memfd: true });
    await vmmsched.waitForLog((lines) => isManaged(lines, "batch"), attachTimeoutMs);
    await assertHolds();
  });

  it("a guest that powers off is dropped", async () => {
    const batch = lab.guest("batch");
    const gone = about("domain-gone", "batch").length;
    await batch.send("poweroff");
    await batch.waitForExit();
    await vmmsched.waitForLog(() => about("domain-gone", "batch").length > gone);
  });

  it("ends well, and nothing has gone wrong in the other guest", async () => {
    assert.equal(await vmmsched.stop(), 0);
    const errors = vmmsched.log.filter(({ level, event }) => level === "error" && event !== "edit-failed");
    assert.deepEqual(errors, []);
    await assertNoComplaint(lab.guest("web"));
  });
});
