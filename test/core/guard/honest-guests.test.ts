import assert from "node:assert/strict";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import { Random } from "../../../core/testing/random.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import type { ProcessSpec } from "../../../native/simulated/linux/machine.js";
import type { Workload } from "../../../native/simulated/linux/workload.js";
import { holdMethodNames } from "../../../guest-profiles/linux/hold-method.js";
import { holdAtRandom, linuxProfile, windowsProfile } from "../cycle/scheduled-host.js";
import { GuardedHost } from "./guarded-host.js";

const seconds = 25;
const seeds = Array.from({ length: 24 }, (_, i) => 1000 + i);
/** Domains on each host. */
const names = ["a", "b", "c"] as const;

function workloadOf(random: Random): Workload {
  const single: readonly [Workload, ...Workload[]] = [
    { kind: "burn" },
    { kind: "sleepy", periodMs: 1 + random.below(300), workUs: 50 + random.below(50_000) },
    { kind: "sleepy", periodMs: 1000 + random.below(4000) },
    { kind: "alternate", busyMs: 1 + random.below(5000), idleMs: 1 + random.below(5000) },
    { kind: "forker", perSecond: 1 + random.below(10), childMs: 1 + random.below(300) },
  ];
  const each = random.pick(single);
  return random.chance(0.2) ? { kind: "threads", count: 2 + random.below(3), each } : each;
}

function domainOf(name: string, random: Random): DomainSpec {
  const processes = Array.from({ length: random.below(4) }, (_, i): ProcessSpec => ({
    comm: `work-${String(i)}`,
    workload: workloadOf(random),
    nice: random.below(40) - 20,
  }));
  const vcpuCount = 1 + random.below(3);
  const weight = random.pick([1, 256, 65_535]);
  return { name, kind: random.pick(["pv", "pvh"]), vcpuCount, weight, processes, memoryBytes: 192 * 2 ** 20 };
}

/** Holds everything, nothing, or what it likes, for seconds at a time. */
function moody(random: Random): (host: HostSnapshot) => readonly Wish[] {
  let part = 0;
  return ({ domains }) => {
    if (random.chance(0.03)) part = random.pick([0, 0.5, 1, 1]);
    return domains
      .flatMap(({ processes }) => processes)
      .filter(({ pid }) => ((pid * 0.618) % 1) + 1e-9 < part)
      .map((target): Wish => ({ kind: "hold", target }));
  };
}

describe("guests that say what is so are never accused", () => {
  for (const seed of seeds)
    it(`seed ${String(seed)}`, async () => {
      const random = new Random(seed);
      const host = new GuardedHost({
        domains: names.map((name) => domainOf(name, random)),
        pcpuCount: random.pick([1, 2, 8]),
        seed,
        // Whom it kills may have been stopped with a lock.
        lockProbability: 0,
        profiles: [{ ...linuxProfile, options: { hold: random.pick(holdMethodNames) } }],
      });
      const { host: simulated } = host.scheduled;
      host.scheduled.decide = moody(random);
      const paused = new Set<string>();
      for (let tenth = 0; tenth < 10 * seconds; tenth++) {
        for (const name of names) {
          if (random.chance(0.02)) simulated.setShare(simulated.idOf(name), shareOf(random));
          if (!random.chance(paused.has(name) ? 0.05 : 0.01)) continue;
          if (paused.delete(name)) simulated.unpause(simulated.idOf(name));
          else {
            paused.add(name);
            simulated.pause(simulated.idOf(name));
          }
        }
        if (random.chance(0.05)) kill(host, random);
        await host.run(0.1);
      }
      assert.deepEqual(host.distrusted(), []);
      assert.deepEqual(host.scheduled.complaints(), []);
    }).timeout(60_000);

  for (const pause of ["late", "early"] as const)
    it(`Windows, beside Linux, held and released at random (pause: ${pause})`, async () => {
      const processes: DomainSpec["processes"] = [
        { comm: "burner", workload: { kind: "burn" } },
        { comm: "sleeper", workload: { kind: "sleepy", periodMs: 30, workUs: 6000 } },
        { comm: "forker", workload: { kind: "forker", perSecond: 5, childMs: 20 } },
      ];
      const windows = { kind: "hvm", os: "windows", processes } as const;
      const host = new GuardedHost({
        domains: [
          { ...windows, name: "vista", windowsBuild: 6001 },
          { ...windows, name: "seven", windowsBuild: 7601, vcpuCount: 2 },
          { ...windows, name: "ten", windowsBuild: 19041, vcpuCount: 2 },
          { name: "linux", kind: "pvh", vcpuCount: 2, processes },
        ],
        profiles: [linuxProfile, windowsProfile],
        lockProbability: 0.3,
        pause,
      });
      await host.run(2);
      host.scheduled.decide = holdAtRandom(12345);
      await host.run(15);
      host.scheduled.decide = moody(new Random(7));
      await host.run(15);
      assert.deepEqual(host.distrusted(), []);
    }).timeout(120_000);
});

function shareOf(random: Random) {
  return { weight: random.pick([1, 256, 65_535]), capPercent: random.pick([0, 0, 1, 50]) };
}

/** The guest kills a process of its own, which may be held. */
function kill(host: GuardedHost, random: Random): void {
  const guest = host.guest(random.pick(names));
  const children = guest.processes().filter(({ comm, zombie }) => comm.endsWith("-child") && !zombie);
  const [first] = children;
  if (first !== undefined) guest.kill(first.pid);
}
