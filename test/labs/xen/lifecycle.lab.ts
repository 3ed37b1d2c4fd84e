import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { DomainWatch, type DomainChange } from "./domain-watch.js";
import { sharedClock } from "./guest-configurations.js";
import { assertHealthy, readHealth, type Health } from "../health.js";
import { XenLab } from "./lab.js";
import { gainIn, secondsUntilGain, ticksOf } from "../observe.js";
import { domainStates } from "./domain-states.js";
import { parseTick } from "../parse.js";
import { sleepMs, type LogLine } from "../vmmsched-log.js";
import { Vmmsched } from "./vmmsched.js";

const guests = ["pv1", "pv2", "pvh1"] as const;
/** Dom0 has one emulated CPU for vmmsched, for the toolstack that builds a domain meanwhile, and for us. */
const intervalMs = 500;
const reportMs = 250;
const bootTimeoutMs = 240_000;

const config = `
intervalMs: ${String(intervalMs)}
policyDeadlineMs: 400
policies:
  - name: idle-only
    options:
      background: [{ domain: pv1, process: bg }]
`;

/** The guest's kernel obeys "crash yourself" only if it was told at boot that it may. */
const crashable = `'extra="console=hvc0 loglevel=4 ${sharedClock} sysrq_always_enabled"'`;

describe("domains that come and go on real Xen", () => {
  let lab: XenLab;
  let health: ReadonlyMap<string, Health>;
  let vmmsched: Vmmsched;
  let watch: DomainWatch;
  /** Where in pv1's console the hold began. */
  let heldSince: number;

  before(async () => {
    lab = await XenLab.restore({ name: "lifecycle" });
    health = await readHealth(lab, guests);
    await lab.guest("pv1").ask("start bg burn", /^STARTED bg /);
    await lab.guest("pv1").send(`report ${String(reportMs)}`);
    await lab.guest("pv2").ask("start load burn", /^STARTED load /);
    watch = await DomainWatch.start(lab);
    vmmsched = await Vmmsched.start(lab, config, guests);
    await vmmsched.waitForLog((lines) => lines.some(({ event }) => event === "hold"), 60_000);
    assert.ok((await gainIn(lab, "pv1", "bg", 2)) <= 1, "pv1's burner runs although it is held");
    heldSince = await lab.guest("pv1").end();
  });
  after(async () => {
    await lab.close();
  });

  async function xl(command: string): Promise<void> {
    await lab.dom0.run(`xl ${command}`, { timeoutMs: bootTimeoutMs });
  }

  /** Creates a domain and returns its id. */
  async function create(name: string, more = ""): Promise<number> {
    await xl(`create /opt/lab/${name}.cfg ${more}`);
    const { stdout } = await lab.dom0.run(`xl domid ${name}`);
    return Number(stdout.trim());
  }

  /** Waits until the log tells this of a domain. */
  async function logged(event: string, id: number, timeoutMs = 30_000): Promise<LogLine> {
    const isIt = (line: LogLine) => line.event === event && line.id === id;
    const line = (await vmmsched.waitForLog((lines) => lines.some(isIt), timeoutMs)).find(isIt);
    assert.ok(line !== undefined);
    return line;
  }

  /** The log tells of a domain within two intervals of the hypervisor's list. */
  async function assertPrompt(event: string, id: number, what: DomainChange["what"]): Promise<LogLine> {
    await watch.waitFor(
      (changes) => changes.some((one) => one.what === what && one.id === id),
      bootTimeoutMs,
      `domain ${String(id)} has not ${what}`,
    );
    const line = await logged(event, id);
    const change = (await watch.changes()).find((one) => one.what === what && one.id === id);
    assert.ok(change !== undefined);
    const lateMs = Date.parse(line.time) - change.ms;
    process.stdout.write(
      `      domain ${String(id)} ${what}: ${event} ${String(lateMs)} ms later; ${line.reason ?? ""}\n`,
    );
    assert.ok(lateMs <= 2 * intervalMs, `${event} of domain ${String(id)} came ${String(lateMs)} ms late`);
    return line;
  }

  async function assertAttached(id: number, since: LogLine): Promise<void> {
    const line = await logged("domain-attached", id, bootTimeoutMs);
    const seconds = (Date.parse(line.time) - Date.parse(since.time)) / 1000;
    process.stdout.write(`      domain ${String(id)}: attached ${seconds.toFixed(1)} s after it appeared\n`);
  }

  for (const name of ["pv3", "pvh2"])
    it(`picks up ${name} when it is created`, async () => {
      const id = await create(name, crashable);
      await assertAttached(id, await assertPrompt("domain-appeared", id, "appeared"));
      await lab.guest(name).waitFor(/^READY/, bootTimeoutMs);
    });

  it("tells why a domain that is not Linux is unmanaged", async () => {
    const id = await create("odd1");
    await assertPrompt("domain-appeared", id, "appeared");
    const { reason } = await assertPrompt("domain-unmanaged", id, "appeared");
    assert.ok(typeof reason === "string" && reason.length > 10, String(reason));
    await xl("destroy odd1");
    await assertPrompt("domain-gone", id, "ended");
  });

  it("drops a guest that reboots itself, and picks it up again", async () => {
    const old = Number((await lab.dom0.run("xl domid pv3")).stdout);
    const newest = await watch.newest();
    await xl("sysrq pv3 b");
    await assertPrompt("domain-gone", old, "ended");
    await watch.waitFor(
      (changes) => changes.some(({ id }) => id > newest),
      bootTimeoutMs,
      "pv3 did not return",
    );
    const id = await watch.newest();
    await assertAttached(id, await assertPrompt("domain-appeared", id, "appeared"));
  });

  it("drops a guest whose kernel crashes, and says nothing more when its remains are destroyed", async () => {
    const id = Number((await lab.dom0.run("xl domid pvh2")).stdout);
    await xl("sysrq pvh2 c");
    await assertPrompt("domain-gone", id, "ended");
    assert.match((await domainStates(lab)).get("pvh2") ?? "", /c/);
    await xl("destroy pvh2");
    await sleepMs(4 * intervalMs);
    const about = (await vmmsched.logLines()).filter(
      (line) => line.id === id && line.event === "domain-gone",
    );
    assert.equal(about.length, 1);
  });

  it("drops a guest that is destroyed, and keeps nothing of it alive", async () => {
    const id = Number((await lab.dom0.run("xl domid pv3")).stdout);
    await xl("destroy pv3");
    await assertPrompt("domain-gone", id, "ended");
    await sleepMs(4 * intervalMs);
    // A domain of which a page is still mapped stays in the list without a name.
    assert.deepEqual([...(await domainStates(lab)).keys()].sort(), ["Domain-0", ...guests].sort());
  });

  it("has kept pv1's burner held all the time, with no error", async () => {
    const { lines } = await lab.guest("pv1").lines(heldSince);
    const ticks = lines.map(parseTick).filter((tick) => tick !== undefined);
    const [first, last] = [ticks[0], ticks.at(-1)];
    assert.ok(first !== undefined && last !== undefined);
    const gained = ticksOf(last, "bg") - ticksOf(first, "bg");
    const seconds = last.realtime - first.realtime;
    process.stdout.write(`      pv1's burner gained ${String(gained)} ticks in ${seconds.toFixed(0)} s\n`);
    assert.ok(gained <= 1, `pv1's burner gained ${String(gained)} ticks`);
    const log = await vmmsched.logLines();
    assert.deepEqual(
      log.filter(({ level }) => level === "error"),
      [],
    );
    assert.deepEqual(
      log.filter(({ event, domain }) => ["domain-gone", "release"].includes(event) && domain === "pv1"),
      [],
    );
  });

  it("stops, lets pv1's burner run and leaves the guests healthy", async () => {
    assert.equal(await vmmsched.stop(), 0);
    await watch.stop();
    await secondsUntilGain(lab, "pv1", ["bg"], 5);
    await lab.guest("pv1").send("stop bg");
    await lab.guest("pv2").send("stop load");
    await assertHealthy(lab, health);
  });
});
