import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { assertHealthy, readHealth, type Health } from "../health.js";
import {
  measureSpenders,
  quotaPercents,
  quotaPolicies,
  sharedPercent,
  startSpenders,
  type Spender,
} from "../quota-experiment.js";
import {
  runTierPhase,
  tierPhases,
  tierPolicies,
  tierNames,
  type Sides,
  type TierLab,
  type TierTolerance,
} from "../tier-experiment.js";
import { XenLab } from "./lab.js";
import { Vmmsched } from "./vmmsched.js";

/** Both run on physical CPU 1 alone, and Dom0 on the other one. */
const sides: Sides = ["pv1", "pv3"];
/**
 * Inside a guest parts are as exact as on QEMU. Between two domains, the one that is edited more loses more by the pauses, which take
 * tens of milliseconds here.
 */
const tolerance: TierTolerance = { ofDue: 0.05, ofCpu: 0.06 };

/** Emulated, ticks and releases come late: what QEMU guests keep to half a point is kept to this here. */
const points = (percent: number) => Math.max(1.5, percent / 8);

const burner: Spender = { domain: "pv1", process: "bg" };
const three: readonly Spender[] = [
  burner,
  { domain: "pv1", process: "bg2" },
  { domain: "pv3", process: "bg3" },
];

/** Emulated, deciding takes long. */
const config = (policies: string) => `
intervalMs: 200
policyDeadlineMs: 400
pauseBudgetMs: 50
${policies}`;

describe("priority-tiers and time-quota on real Xen, two guests on one CPU", () => {
  let lab: XenLab;
  let health: ReadonlyMap<string, Health>;
  let vmmsched: Vmmsched;
  before(async () => {
    lab = await XenLab.restore({ name: "policies" });
    // An emulated PVH guest that idles costs a third of a CPU, which these two are to have for themselves.
    await lab.dom0.run("xl destroy pvh1; xl destroy pv2; xl create /opt/lab/pv3.cfg", { timeoutMs: 240_000 });
    await lab.guest("pv3").waitFor(/^READY/, 240_000);
    health = await readHealth(lab, sides);
    vmmsched = await Vmmsched.start(lab, config(tierPolicies(sides, "vcpu")), sides);
  });
  after(async () => {
    await lab.close();
  });

  const shared: TierLab = {
    guest: (name) => lab.guest(name),
    hostUptime: () => lab.hostUptime(),
    cpuSeconds: async (names) => {
      const { stdout } = await lab.dom0.run(`xl vcpu-list ${names.join(" ")}`);
      const lines = stdout.split("\n").map((line) => line.trim().split(/\s+/));
      // Name, id, vCPU, CPU, state, seconds.
      return names.map((name) => Number(lines.find(([first]) => first === name)?.[5]));
    },
  };

  for (const phase of tierPhases)
    it(phase.what, async () => {
      await runTierPhase(shared, sides, phase, tolerance);
    });

  it("gives back all weights when another policy takes the place of the tiers", async () => {
    for (const [name, side] of tierNames)
      await lab.guest(sides[side]).ask(`stop ${name}`, /^STOPPED /, 120_000);
    await startSpenders(lab, [burner]);
    await vmmsched.configure(config(quotaPolicies(50, [burner])));
    await vmmsched.waitForLog(
      (lines) =>
        lines.some(({ event, reason }) => event === "hold" && reason?.startsWith("time-quota") === true),
      120_000,
    );
    for (const name of sides) {
      const { stdout } = await lab.dom0.run(`xl sched-credit2 -d ${name}`);
      assert.match(stdout, new RegExp(`^${name}\\s+\\d+\\s+256\\s+0\\s*$`, "m"));
    }
  });

  for (const percent of quotaPercents)
    it(`gives a PV guest's burner ${String(percent)} % of a CPU, by the guest's own accounting`, async () => {
      await vmmsched.configure(config(quotaPolicies(percent, [burner])));
      await assertShare(percent, [burner]);
    });

  it(`gives three in two PV guests ${String(sharedPercent)} % of a CPU together`, async () => {
    await startSpenders(lab, three.slice(1));
    await vmmsched.configure(config(quotaPolicies(sharedPercent, three)));
    await assertShare(sharedPercent, three);
  });

  it("lets all go at the end, and leaves the guests healthy", async () => {
    assert.equal(await vmmsched.stop(), 0, "exit code");
    await assertHealthy(lab, health);
  });

  async function assertShare(percent: number, spenders: readonly Spender[]): Promise<void> {
    const found = await measureSpenders(lab, spenders);
    process.stdout.write(`      ${found.toFixed(2)} % of a CPU\n`);
    assert.ok(
      Math.abs(found - percent) <= points(percent),
      `${found.toFixed(2)} % rather than ${String(percent)} %`,
    );
  }
});
