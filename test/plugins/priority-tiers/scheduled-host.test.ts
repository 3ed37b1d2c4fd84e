import assert from "node:assert/strict";
import { SimulatedHost, type DomainSpec } from "../../../native/simulated/index.js";
import type { ProcessSpec } from "../../../native/simulated/linux/machine.js";
import priorityTiers, { type Options, type State } from "../../../plugins/priority-tiers/index.js";
import { ScheduledHost } from "../../core/cycle/scheduled-host.js";
import { options, tier } from "./tiers.js";

const burn = { kind: "burn" } as const;
const tickMs = 100;

/** Ratios that are no whole steps of nice values. */
const four: Options = {
  ...options,
  tiers: [tier("urgent", 80), tier("service", 40), tier("batch", 20), tier("spare", 10)],
  settleTicks: 2,
};
const names = ["urgent", "service", "batch", "spare"] as const;
const homes = { urgent: "a", batch: "a", service: "b", spare: "b" } as const;

function domainOf(name: string, ...processes: readonly string[]): DomainSpec {
  return {
    name,
    kind: "pvh",
    vcpuCount: 1,
    processes: processes.map((comm): ProcessSpec => ({ comm, workload: burn })),
  };
}

/** Four burners of four tiers in two domains on one physical CPU, under the whole scheduler. */
class TieredHost {
  readonly scheduled: ScheduledHost;
  readonly #state: State;

  constructor(
    given: Options = four,
    domains: readonly DomainSpec[] = [domainOf("a", "urgent", "batch"), domainOf("b", "service", "spare")],
    pcpuCount = 1,
  ) {
    const host = new SimulatedHost({ domains, seed: 7, lockProbability: 0.05, pcpuCount });
    this.scheduled = new ScheduledHost({ domains, host });
    this.#state = priorityTiers.init(given, undefined);
    this.scheduled.decide = (seen) => priorityTiers.decide(seen, given, this.#state);
  }

  async run(seconds: number): Promise<void> {
    for (let i = 0; i < (seconds * 1000) / tickMs; i++) {
      this.scheduled.host.advance(tickMs * 1e6);
      this.scheduled.cycle.tick();
      await this.scheduled.settle();
    }
  }

  /** Lets this time pass; returns the seconds of CPU time that each process got in it, by `domain/process`. */
  async gains(seconds: number): Promise<ReadonlyMap<string, number>> {
    const before = this.#accounts();
    await this.run(seconds);
    return new Map(
      this.#accounts().flatMap(({ name, cpuTimeNs, processes }, i) => {
        const gained = Array.from(
          processes,
          ([path, ns]) => [path, ns - (before[i]?.processes.get(path) ?? 0)] as const,
        );
        // Guests take for their own the time in which others have the CPU: what they got in all, only the host knows.
        const all = gained.reduce((sum, [, ns]) => sum + ns, 0);
        const got = cpuTimeNs - (before[i]?.cpuTimeNs ?? 0);
        return gained.map(([path, ns]) => [`${name}/${path}`, ((ns / all) * got) / 1e9] as const);
      }),
    );
  }

  /** After three seconds to settle, percent of the CPU that these get in the next 60 s, in the order given. */
  async split(...processes: readonly string[]): Promise<readonly number[]> {
    await this.run(3);
    const gains = await this.gains(60);
    assert.deepEqual(this.scheduled.complaints(), []);
    return processes.map((each) => (100 * (gains.get(each) ?? 0)) / 60);
  }

  #accounts() {
    return this.scheduled.host.domains.map(({ name, cpuTimeNs }) => {
      const guest = this.scheduled.host.guest(name);
      const processes = new Map<string, number>();
      for (const { pid, comm } of guest.processes())
        processes.set(comm, (processes.get(comm) ?? 0) + (guest.procStat(pid)?.sumExecRuntimeNs ?? 0));
      return { name, cpuTimeNs, processes };
    });
  }

  pidOf(domain: string, comm: string): number {
    const entry = this.scheduled.host
      .guest(domain)
      .processes()
      .find((each) => each.comm === comm);
    assert.ok(entry, `${comm} in ${domain}`);
    return entry.pid;
  }
}

/** Each part is what it should be, within 5 % of that. */
function assertSplit(found: readonly number[], expected: readonly number[]): void {
  const text = found.map((each) => each.toFixed(2)).join(" ");
  for (const [i, part] of expected.entries())
    assert.ok(
      Math.abs((found[i] ?? 0) - part) <= 0.05 * part,
      `expected ${expected.join(" ")}; found ${text}`,
    );
}

const paths = names.map((name) => `${homes[name]}/${name}`);
/** Parts of these weights, in percent. */
const parts = (...weights: readonly number[]) => {
  const all = weights.reduce((sum, each) => sum + each, 0);
  return weights.map((each) => (100 * each) / all);
};

describe("priority-tiers in a scheduler on a simulated host: four burners of four tiers in two domains on one CPU", () => {
  it("share it by the weights of their tiers", async () => {
    assertSplit(await new TieredHost().split(...paths), parts(80, 40, 20, 10));
  }).timeout(240_000);

  for (const [stopped, rest] of [
    ["urgent", [40, 20, 10]],
    ["service", [80, 20, 10]],
    ["batch", [80, 40, 10]],
    ["spare", [80, 40, 20]],
  ] as const)
    it(`when ${stopped} stops, its mates in the domain get no more of what it leaves than all others`, async () => {
      const tiered = new TieredHost();
      await tiered.run(2);
      const { host } = tiered.scheduled;
      host.guest(homes[stopped]).kill(tiered.pidOf(homes[stopped], stopped));
      const left = paths.filter((path) => !path.endsWith(`/${stopped}`));
      assertSplit(await tiered.split(...left), parts(...rest));
    }).timeout(240_000);

  for (const forking of names)
    it(`when ${forking} forks, its children share its tier's part with it`, async () => {
      const tiered = new TieredHost();
      await tiered.run(2);
      const { host } = tiered.scheduled;
      for (const child of ["1", "2"])
        host.guest(homes[forking]).spawn({ comm: `${forking}-child${child}`, workload: burn });
      const family = ["", "-child1", "-child2"].map((child) => `${homes[forking]}/${forking}${child}`);
      const others = paths.filter((path) => !path.endsWith(`/${forking}`));
      const weights = { urgent: 80, service: 40, batch: 20, spare: 10 };
      const expected = names.filter((name) => name !== forking).map((name) => weights[name]);
      const found = await tiered.split(...others, ...family);
      const third = weights[forking] / 3;
      assertSplit(found, parts(...expected, third, third, third));
    }).timeout(240_000);

  for (const reniced of names)
    it(`when ${reniced} renices itself, it wins nothing`, async () => {
      const tiered = new TieredHost();
      await tiered.run(2);
      const { host } = tiered.scheduled;
      host.guest(homes[reniced]).renice(tiered.pidOf(homes[reniced], reniced), -20);
      assertSplit(await tiered.split(...paths), parts(80, 40, 20, 10));
    }).timeout(240_000);

  it("a guest that renices all the time wins nothing from the other one", async () => {
    const tiered = new TieredHost();
    await tiered.run(3);
    const { host } = tiered.scheduled;
    const cpuTimes = () => host.domains.map(({ cpuTimeNs }) => cpuTimeNs);
    const before = cpuTimes();
    for (let i = 0; i < 300; i++) {
      host.guest("b").renice(tiered.pidOf("b", "spare"), -20);
      await tiered.run(0.1);
    }
    const [a = 0, b = 0] = cpuTimes().map((ns, i) => ns - (before[i] ?? 0));
    assertSplit([(100 * a) / (a + b), (100 * b) / (a + b)], parts(100, 50));
  }).timeout(240_000);
});

describe("priority-tiers in a scheduler on a simulated host", () => {
  const strict: Options = {
    ...four,
    tiers: [tier("urgent", 80, { strict: true }), tier("service", 40), tier("batch", 20), tier("spare", 10)],
  };

  it("holds lower tiers while a strict one wants all CPUs, and lets them share what it leaves", async () => {
    const tiered = new TieredHost(strict);
    const [urgent] = await tiered.split(...paths);
    assert.ok((urgent ?? 0) > 99, `urgent got ${String(urgent)} %`);
    tiered.scheduled.host.guest("a").kill(tiered.pidOf("a", "urgent"));
    const left = paths.filter((path) => !path.endsWith("/urgent"));
    assertSplit(await tiered.split(...left), parts(40, 20, 10));
  }).timeout(240_000);

  it("holds nobody while a CPU is left", async () => {
    const tiered = new TieredHost({ ...strict, hostCpus: 2 }, undefined, 2);
    await tiered.run(5);
    assert.equal(tiered.scheduled.cycle.heldTasks(), 0);
  }).timeout(120_000);

  it("gives back shares and priorities when it is gone", async () => {
    const tiered = new TieredHost();
    const { scheduled } = tiered;
    await tiered.run(3);
    assert.equal(scheduled.cycle.shares.changed, 2);
    assert.ok(scheduled.cycle.changedPriorities() > 0);
    scheduled.decide = () => [];
    await tiered.run(1);
    assert.deepEqual(
      scheduled.host.domains.map(({ share }) => share),
      [
        { weight: 256, capPercent: 0 },
        { weight: 256, capPercent: 0 },
      ],
    );
    assert.equal(scheduled.cycle.changedPriorities(), 0);
    assert.equal(scheduled.cycle.allReleased(), true);
  }).timeout(120_000);

  it("slows a domain's disk down while a backup is all that uses it and a service works, and no longer", async () => {
    const mib = 2 ** 20;
    const [service] = [
      { comm: "service", workload: { kind: "alternate", busyMs: 30_000, idleMs: 30_000 } },
    ] as const;
    const domains: readonly DomainSpec[] = [
      { name: "a", kind: "pvh", processes: [service] },
      {
        name: "b",
        kind: "pvh",
        diskBytesPerSecond: 50 * mib,
        processes: [{ comm: "spare", workload: { kind: "writer" } }],
      },
    ];
    const tiers = [tier("service", 100), tier("spare", 10, { ioBytesPerSecond: 2 * mib })];
    const tiered = new TieredHost({ ...four, tiers, ioTicks: 10 }, domains, 2);
    const { scheduled } = tiered;
    let writtenBytes = 0;
    const { decide } = scheduled;
    scheduled.decide = (seen) => {
      const process = seen.domains[1]?.processes.find(({ name }) => name === "spare");
      writtenBytes = process?.threads[0]?.writtenBytes ?? 0;
      return decide(seen);
    };
    const mibPerSecond = async (seconds: number) => {
      const before = writtenBytes;
      await tiered.run(seconds);
      return (writtenBytes - before) / seconds / mib;
    };
    await tiered.run(3);
    const slowed = await mibPerSecond(20);
    assert.ok(Math.abs(slowed / 2 - 1) < 0.05, `slowed down to ${slowed} MiB/s`);
    await tiered.run(12);
    const alone = await mibPerSecond(20);
    assert.ok(Math.abs(alone / 50 - 1) < 0.1, `alone ${alone} MiB/s`);
    scheduled.decide = () => [];
    await tiered.run(1);
    assert.equal(scheduled.cycle.shares.changed, 0);
    assert.deepEqual(scheduled.complaints(), []);
  }).timeout(240_000);
});
