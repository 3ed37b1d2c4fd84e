import assert from "node:assert/strict";
import type { DomainSpec } from "../../../native/simulated/index.js";
import type { Budget } from "../../../plugins/time-quota/budget.js";
import timeQuota, { type Options } from "../../../plugins/time-quota/index.js";
import { linuxProfile, ScheduledHost, windowsProfile } from "../../core/cycle/scheduled-host.js";

const burn = { kind: "burn" } as const;
const seconds = 30;

interface Run {
  readonly domains: readonly DomainSpec[];
  readonly budget: Budget;
  readonly intervalMs?: number;
}

/** The whole scheduler with the policy; after a second, percent of one CPU that these processes got in 30 s. */
async function shares(
  { domains, budget, intervalMs = 100 }: Run,
  ...processes: readonly (readonly [domain: string, process: string])[]
): Promise<readonly number[]> {
  const scheduled = new ScheduledHost({ domains, seed: 5, profiles: [linuxProfile, windowsProfile] });
  const options: Options = { budgets: [budget], maxWaitMs: 600_000 };
  const state = timeQuota.init(options);
  scheduled.decide = (host) => timeQuota.decide(host, options, state);
  await scheduled.attach();
  const run = async (ms: number) => {
    for (let i = 0; i < ms / intervalMs; i++) {
      scheduled.host.advance(intervalMs * 1e6);
      scheduled.cycle.tick();
      await scheduled.settle();
    }
  };
  const used = () => processes.map(([domain, process]) => scheduled.cpuTimeNs(domain, process));
  await run(1000);
  const before = used();
  await run(seconds * 1000);
  assert.deepEqual(scheduled.complaints(), []);
  return used().map((ns, i) => (100 * (ns - (before[i] ?? 0))) / (seconds * 1e9));
}

function budgetOf(percent: number, sharing: Budget["sharing"] = "each"): Budget {
  return {
    name: "burners",
    processes: [{ domain: "*", process: "burn*" }],
    children: true,
    sharing,
    limits: [{ percent, percentOf: "cpu", periodMs: 1000, burstMs: 0 }],
  };
}

function within(found: number, percent: number, points: number): void {
  assert.ok(
    Math.abs(found - percent) <= points,
    `${String(percent)} % of a CPU, found ${found.toFixed(2)} %`,
  );
}

describe("time-quota in a scheduler on a simulated host, by the guest's own accounting", () => {
  const alone: readonly DomainSpec[] = [
    { name: "a", kind: "pvh", processes: [{ comm: "burn", workload: burn }] },
  ];

  for (const percent of [1, 5, 20, 50, 90])
    it(`gives a process ${String(percent)} %, within half a point over 30 s`, async () => {
      const [found = 0] = await shares({ domains: alone, budget: budgetOf(percent) }, ["a", "burn"]);
      within(found, percent, 0.5);
    }).timeout(120_000);

  for (const windowsBuild of [6001, 7601] as const)
    for (const [percent, vcpuCount] of [
      [5, 1],
      [20, 2],
      [50, 1],
      [90, 2],
    ] as const)
      it(`gives a process of Windows ${windowsBuild} that has a vCPU to itself ${percent} %, within a point over 30 s`, async () => {
        const windows: DomainSpec = {
          name: "a",
          kind: "hvm",
          os: "windows",
          windowsBuild,
          vcpuCount,
          processes: [{ comm: "burn.exe", workload: burn }],
        };
        const [found = 0] = await shares({ domains: [windows], budget: budgetOf(percent) }, [
          "a",
          "burn.exe",
        ]);
        within(found, percent, 1);
      }).timeout(120_000);

  it("gives 20 % with ticks of 200 ms", async () => {
    const run = { domains: alone, budget: budgetOf(20), intervalMs: 200 };
    const [found = 0] = await shares(run, ["a", "burn"]);
    within(found, 20, 0.5);
  }).timeout(120_000);

  it("gives a process its share beside one that takes what is left, and takes nothing from that one", async () => {
    const domains: readonly DomainSpec[] = [
      {
        name: "a",
        kind: "pv",
        processes: [
          { comm: "burn", workload: { kind: "threads", count: 2, each: burn } },
          { comm: "other", workload: burn },
        ],
      },
    ];
    const [found = 0, other = 0] = await shares(
      { domains, budget: budgetOf(20) },
      ["a", "burn"],
      ["a", "other"],
    );
    within(found, 20, 0.5);
    assert.ok(other > 75, `the other got ${other.toFixed(2)} %`);
  }).timeout(120_000);

  it("gives 30 % to three processes in two domains together, and leaves none of them out", async () => {
    const domains: readonly DomainSpec[] = [
      {
        name: "a",
        kind: "pv",
        processes: [
          { comm: "burn1", workload: burn },
          { comm: "burn2", workload: burn },
        ],
      },
      { name: "b", kind: "pvh", processes: [{ comm: "burn3", workload: burn }] },
    ];
    const found = await shares(
      { domains, budget: budgetOf(30, "together") },
      ["a", "burn1"],
      ["a", "burn2"],
      ["b", "burn3"],
    );
    within(
      found.reduce((sum, each) => sum + each, 0),
      30,
      1,
    );
    assert.ok(Math.min(...found) > 3, found.map((each) => each.toFixed(2)).join(" "));
  }).timeout(120_000);
});
