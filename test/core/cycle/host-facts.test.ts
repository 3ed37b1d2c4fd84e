import assert from "node:assert/strict";
import { cpus } from "node:os";
import type { HostSnapshot } from "../../../core/policy.js";
import { SimulatedHost, SimulatedHypervisor } from "../../../native/simulated/index.js";
import { holdNamed, intervalNs, ScheduledHost, type ScheduledHostOptions } from "./scheduled-host.js";

const domains: ScheduledHostOptions["domains"] = [
  { name: "a", kind: "pv", processes: [{ comm: "burn", workload: { kind: "burn" } }] },
  { name: "b", kind: "pv", processes: [{ comm: "shell", workload: { kind: "sleepy", periodMs: 20 } }] },
];

/** A host on which time passes while a domain is paused. */
class SlowPauses extends SimulatedHypervisor {
  constructor(
    private readonly slow: SimulatedHost,
    readonly pauseNs: number,
  ) {
    super(slow);
  }

  override open(id: number) {
    const domain = super.open(id);
    const pause = domain.pause.bind(domain);
    domain.pause = () => {
      const paused = pause();
      this.slow.advance(this.pauseNs);
      return paused;
    };
    return domain;
  }
}

async function pausedNs(pause: "late" | "early"): Promise<readonly number[][]> {
  const pauseNs = 2e6;
  const host = new SimulatedHost({ domains, lockProbability: 0 });
  const scheduled = new ScheduledHost({ domains, host, pause, hypervisor: new SlowPauses(host, pauseNs) });
  const seen: number[][] = [];
  scheduled.decide = (snapshot) => {
    seen.push(snapshot.domains.map((domain) => domain.pausedNs / pauseNs));
    return seen.length === 3 ? holdNamed("burn")(snapshot) : [];
  };
  await scheduled.attach();
  await scheduled.run(4);
  assert.deepEqual(scheduled.complaints(), []);
  return seen;
}

describe("what a policy is told of the host", () => {
  it("is the calendar clock and the physical CPUs of the host", async () => {
    const scheduled = new ScheduledHost({ domains });
    const seen: Pick<HostSnapshot, "wallTimeMs" | "utcOffsetMinutes" | "cpuCount">[] = [];
    scheduled.decide = ({ wallTimeMs, utcOffsetMinutes, cpuCount }) => {
      seen.push({ wallTimeMs, utcOffsetMinutes, cpuCount });
      return [];
    };
    await scheduled.attach();
    const beginMs = scheduled.host.nowNs / 1e6;
    await scheduled.run(1);
    assert.deepEqual(
      seen,
      [beginMs, beginMs + intervalNs / 1e6].map((wallTimeMs) => ({
        wallTimeMs,
        utcOffsetMinutes: 0,
        cpuCount: scheduled.host.pcpuCount,
      })),
    );
  });

  it("are the CPUs of this system, where the driver knows no others", () => {
    const host = new SimulatedHost({ domains });
    const hypervisor = new SimulatedHypervisor(host);
    delete (hypervisor as { cpuCount?: number }).cpuCount;
    const { registry } = new ScheduledHost({ domains, host, hypervisor });
    assert.equal(registry.cpuCount, cpus().length);
  });

  it("is how long vmmsched paused each domain since the tick before: those with edits only", async () => {
    const seen = await pausedNs("late");
    // The first hold begins in the tick of the third snapshot, and is taken back in that of the fourth.
    assert.deepEqual(seen, [
      [0, 0],
      [0, 0],
      [0, 0],
      [1, 0],
      [1, 0],
    ]);
  });

  it("is the whole tick for each managed domain, where the pause begins early", async () => {
    for (const [a, b] of (await pausedNs("early")).slice(2)) assert.deepEqual([a, b], [2, 2]);
  });
});
