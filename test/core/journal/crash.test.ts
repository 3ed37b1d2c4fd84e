import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import { recover } from "../../../core/cycle/recovery.js";
import { RecoveryLog } from "../../../core/cycle/recovery-log.js";
import type { RecoveryReport } from "../../../core/cycle/recovery-report.js";
import { openJournal } from "../../../core/journal/open-journal.js";
import { Random } from "../../../core/testing/random.js";
import { SimulatedHost, type DomainSpec } from "../../../native/simulated/index.js";
import { toyProfile } from "../../examples/toy.js";
import { intervalNs, linuxProfile, ScheduledHost } from "../cycle/scheduled-host.js";
import { JournalPlace } from "./journal-place.js";
import { Life, MortalHypervisor, mortalDisk, mortalProfile } from "./mortal-scheduler.js";

const hostBoot = "a boot";
/** How many moments of death are tried, one after the other on one host; the same seed gives the same ones. */
const moments = Number(process.env.VMMSCHED_CRASHES ?? 40);
const firstSeed = Number(process.env.VMMSCHED_CRASH_SEED ?? 1000);

const domains: readonly DomainSpec[] = [
  {
    name: "linux",
    kind: "pvh",
    vcpuCount: 2,
    processes: [
      { comm: "burner", workload: { kind: "burn" } },
      { comm: "polite", nice: 5, workload: { kind: "threads", count: 2, each: { kind: "burn" } } },
      { comm: "shell", nice: 3, workload: { kind: "forker", perSecond: 10, childMs: 200 } },
    ],
  },
  {
    name: "toy",
    kind: "pvh",
    os: "toy",
    weight: 300,
    processes: [
      { comm: "crew", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
      { comm: "other", workload: { kind: "burn" } },
    ],
  },
];

/** Wishes holds, priorities and shares, others every few ticks. */
function restlessPolicy(random: Random): (host: HostSnapshot) => Iterable<Wish> {
  let wished = new Map<string, { hold: boolean; nice: number | undefined; weight: number | undefined }>();
  let left = 0;
  return (host) => {
    if (left-- <= 0) {
      left = random.below(4);
      wished = new Map();
    }
    const of = (name: string) => {
      const known = wished.get(name) ?? {
        hold: random.chance(0.4),
        nice: random.chance(0.5) ? [19, 10, 7][random.below(3)] : undefined,
        weight: random.chance(0.5) ? 1 + random.below(1000) : undefined,
      };
      wished.set(name, known);
      return known;
    };
    return host.domains.flatMap((domain) => {
      const { weight } = of(domain.name);
      const share: Wish[] = weight === undefined ? [] : [{ kind: "share", target: domain, weight }];
      const tasks = domain.processes.flatMap((process) => {
        const { hold, nice } = of(`${domain.name} ${process.name}`);
        const wishes: Wish[] = hold ? [{ kind: "hold", target: process }] : [];
        return nice === undefined
          ? wishes
          : [...wishes, { kind: "priority" as const, target: process, nice }];
      });
      return [...share, ...tasks];
    });
  };
}

/** What dies is what the guests and the host had of it. */
function requireUntouched(host: SimulatedHost, what: string): void {
  const guest = host.guest("linux");
  const own: Readonly<Record<string, number>> = { burner: 0, polite: 5, shell: 3, "shell-child": 3 };
  for (const { comm, pid, tgid, zombie } of guest.processes()) {
    const leader = guest.processes().find((entry) => entry.pid === tgid)?.comm ?? comm;
    if (zombie || own[leader] === undefined) continue;
    assert.equal(guest.procStat(pid)?.nice, own[leader], `${what}: nice of ${comm} (${String(pid)})`);
  }
  for (const { name, hold, priority } of host.toy("toy").tasks())
    assert.deepEqual([hold, priority], [0, 0], `${what}: hold and priority of ${name}`);
  const shares = host.domains.map(({ name, share, pauseCount }) => [name, share.weight, pauseCount]);
  assert.deepEqual(shares, [
    ["linux", 256, 0],
    ["toy", 300, 0],
  ]);
}

async function recoverOn(host: SimulatedHost, directory: string): Promise<RecoveryReport> {
  const log = new RecoveryLog();
  const scheduled = new ScheduledHost({
    ...{ domains: [], host, log, headStartNs: intervalNs },
    profiles: [linuxProfile, toyProfile("1.0.0")],
    journal: () => openJournal({ directory, log, hostBoot }),
  });
  const { registry, cycle, loop, journal = assert.fail(), clock } = scheduled;
  return recover({ registry, cycle, loop, journal, clock, log });
}

describe("a scheduler that dies", () => {
  it(`at any step of ${String(moments)} leaves nothing that a recovery does not put right`, async function () {
    this.timeout(Math.max(120_000, moments * 5_000));
    using place = new JournalPlace();
    const { directory } = place;
    const host = new SimulatedHost({ domains, seed: 7, pcpuCount: 8 });
    host.advance(1e9);
    const seen = { deaths: 0, releases: 0, priorities: 0, shares: 0, idle: 0 };
    for (let moment = 0; moment < moments; moment++) {
      const random = new Random(firstSeed + moment);
      const life = new Life(random.below(600));
      const scheduled = new ScheduledHost({
        ...{ domains: [], host, hypervisor: new MortalHypervisor(host, life), headStartNs: intervalNs },
        pause: random.chance(0.3) ? "early" : "late",
        profiles: [mortalProfile(linuxProfile, life), mortalProfile(toyProfile("1.0.0"), life)],
        journal: (log) => openJournal({ directory, log, hostBoot, disk: mortalDisk(life) }),
      });
      scheduled.decide = restlessPolicy(random);
      try {
        await scheduled.attach();
        for (let tick = 0; tick < 30 && !life.dead; tick++) await scheduled.run(1);
      } catch (error) {
        if (!life.dead) throw error;
      }
      if (life.dead) seen.deaths++;
      life.dead = true;
      // Guests go on without it.
      host.advance(random.below(5) * intervalNs);
      const report = await recoverOn(host, directory);
      assert.deepEqual([report.complete, report.left], [true, []], `moment ${String(moment)}`);
      assert.ok(!existsSync(place.file), "the journal is gone when nothing is left");
      requireUntouched(host, `moment ${String(moment)}`);
      for (const { what } of report.undone)
        seen[what === "release" ? "releases" : what === "priority" ? "priorities" : "shares"]++;
      if (report.undone.length === 0) seen.idle++;
      assert.deepEqual(scheduled.complaints(), [], `moment ${String(moment)}`);
    }
    assert.ok(seen.deaths > moments / 2, JSON.stringify(seen));
    assert.ok(Math.min(seen.releases, seen.priorities, seen.shares) > moments / 10, JSON.stringify(seen));
  });
});
