import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { assertHealthy, readHealth, type Health } from "../health.js";
import { XenLab } from "./lab.js";
import { gainIn } from "../observe.js";
import { installTurns, turnsConfig } from "./turns-policy.js";
import { Vmmsched } from "./vmmsched.js";

const guests = ["pv1", "pvh1"] as const;
const reportMs = 250;
const SIGKILL = 9;
const SIGTERM = 15;
const signalTimeoutMs = 60_000;

describe("signals to a held process on real Xen", () => {
  let lab: XenLab;
  let health: ReadonlyMap<string, Health>;
  let vmmsched: Vmmsched;

  before(async () => {
    lab = await XenLab.restore({ name: "signals" });
    health = await readHealth(lab, guests);
    await installTurns(lab);
    vmmsched = await Vmmsched.start(lab, turnsConfig(guests, { process: "work", turns: [] }), guests);
  });
  after(async () => {
    await lab.close();
  });

  /** Starts a workload, waits until it is held, and sees that it stands still. */
  async function startHeld(name: string, kind: string): Promise<void> {
    const before = (await holdsIn(name)).length;
    await lab.guest(name).ask(`start work ${kind}`, /^STARTED work /);
    await vmmsched.waitForLog((lines) => holdsOf(lines, name).length > before, 60_000);
    await lab.guest(name).send(`report ${String(reportMs)}`);
    const gained = await gainIn(lab, name, "work", 1);
    await lab.guest(name).send("report 0");
    assert.ok(gained <= 1, `${name}: gained ${String(gained)} ticks although it is held`);
  }

  const holdsIn = async (name: string) => holdsOf(await vmmsched.logLines(), name);

  async function assertNothingHeld(): Promise<void> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const { stdout } = await lab.dom0.run("node /opt/vmmsched/dist/core/main.js status --json", {
        timeoutMs: 120_000,
      });
      const { heldCount } = JSON.parse(stdout) as { readonly heldCount: number };
      if (heldCount === 0) return;
      assert.ok(performance.now() < deadline, `${String(heldCount)} tasks are still held`);
    }
  }

  for (const name of guests) {
    for (const [signal, number] of [
      ["SIGKILL", SIGKILL],
      ["SIGTERM", SIGTERM],
    ] as const)
      it(`${name}: ${signal} ends a held burner at once`, async () => {
        await startHeld(name, "burn");
        const [, by] = await lab
          .guest(name)
          .ask(`signal work ${String(number)}`, /^ENDED work pid=\d+ signal=(\d+) /, signalTimeoutMs);
        assert.equal(Number(by), number);
        await assertNothingHeld();
      });

    it(`${name}: a SIGTERM that is caught waits until the process is let go`, async () => {
      await startHeld(name, "beat 300");
      const guest = lab.guest(name);
      const since = await guest.end();
      await guest.ask(`signal work ${String(SIGTERM)}`, /^SIGNALLED work /);
      await guest.send(`report ${String(reportMs)}`);
      assert.ok((await gainIn(lab, name, "work", 2)) <= 1, "runs because of a signal");
      await guest.send("report 0");
      const meanwhile = (await guest.lines(since)).lines.filter((line) => line.startsWith("CAUGHT"));
      assert.deepEqual(meanwhile, []);
      await guest.ask(`signal work ${String(SIGKILL)}`, /^ENDED work pid=\d+ signal=9 /, signalTimeoutMs);
      await assertNothingHeld();
    });
  }

  it("and comes then", async () => {
    for (const name of guests) {
      await startHeld(name, "beat 300");
      await lab.guest(name).ask(`signal work ${String(SIGTERM)}`, /^SIGNALLED work /);
    }
    const ends = await Promise.all(guests.map((name) => lab.guest(name).end()));
    assert.equal(await vmmsched.stop(), 0);
    for (const [i, name] of guests.entries())
      await lab.guest(name).waitFor(/^CAUGHT work signal=15 /, signalTimeoutMs, ends[i]);
  });

  it("leaves the guests healthy, with their clocks right", async () => {
    for (const name of guests) await lab.guest(name).send("stop work");
    const log = await vmmsched.logLines();
    assert.deepEqual(
      log.filter(({ level }) => level === "error"),
      [],
    );
    await assertHealthy(lab, health);
  });
});

function holdsOf(lines: Awaited<ReturnType<Vmmsched["logLines"]>>, name: string) {
  return lines.filter(
    ({ event, domain, outcome }) => event === "hold" && domain === name && outcome === "committed",
  );
}
