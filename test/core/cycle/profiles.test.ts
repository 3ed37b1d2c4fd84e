import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { GuestKernel } from "../../../core/guest-profile.js";
import type { ConfiguredProfile } from "../../../core/plugins/configure.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { Random } from "../../../native/simulated/linux/random.js";
import toy from "../../examples/guest-profiles/toy/index.js";
import { toyProfile } from "../../examples/toy.js";
import { holdNamed, intervalNs, linuxProfile, ScheduledHost } from "./scheduled-host.js";

const processes: DomainSpec["processes"] = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "sleeper", workload: { kind: "sleepy", periodMs: 30, workUs: 3000 } },
  { comm: "crew", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
  { comm: "guarded", workload: { kind: "burn" } },
];
const toys: readonly DomainSpec[] = [
  { name: "toy", kind: "pvh", os: "toy", vcpuCount: 2, processes },
  { name: "linux", kind: "pvh", processes },
];

/** Kernels that profiles have made and nobody has disposed of. */
class Ledger {
  readonly open = new Set<GuestKernel>();

  /** A profile whose kernels are in the ledger. */
  keep(profile: ConfiguredProfile): ConfiguredProfile {
    const attach: ConfiguredProfile["profile"]["attach"] = async (...given) => {
      const kernel = await profile.profile.attach(...given);
      if (kernel === undefined) return undefined;
      this.open.add(kernel);
      const dispose = kernel[Symbol.dispose].bind(kernel);
      kernel[Symbol.dispose] = () => {
        this.open.delete(kernel);
        dispose();
      };
      return kernel;
    };
    return { ...profile, profile: { attach } };
  }
}

async function hostWith(profiles: readonly ConfiguredProfile[], domains = toys): Promise<ScheduledHost> {
  const scheduled = new ScheduledHost({ domains, profiles });
  await scheduled.attach();
  await scheduled.run(2);
  return scheduled;
}

const domainOf = (scheduled: ScheduledHost, name: string) =>
  scheduled.registry.domains.find((domain) => domain.info.name === name)!;
const managed = (scheduled: ScheduledHost) =>
  scheduled.cycle
    .view()
    .domains.filter((domain) => domain.managed)
    .map((domain) => domain.name);
const holdWords = (scheduled: ScheduledHost) =>
  scheduled.host
    .toy("toy")
    .tasks()
    .filter((task) => task.hold !== 0).length;

/** Ticks until `done`; fails when that takes more than 100 of them. */
async function runUntil(scheduled: ScheduledHost, what: string, done: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !done(); i++) await scheduled.run(1);
  assert.ok(done(), `not within 100 ticks: ${what}`);
}

describe("a guest profile that comes while the scheduler runs", () => {
  it("manages its domains within two intervals", async () => {
    const scheduled = await hostWith([linuxProfile]);
    await scheduled.run(100);
    assert.deepEqual(managed(scheduled), ["linux"]);
    scheduled.decide = holdNamed("burner");
    scheduled.registry.setProfiles([linuxProfile, toyProfile()]);
    await scheduled.run(2);
    assert.deepEqual(managed(scheduled), ["toy", "linux"]);
    assert.equal(domainOf(scheduled, "toy").profileName, "toy");
    assert.equal(scheduled.events("profile-added").at(-1)?.profile, "toy");
    await scheduled.run(4);
    assert.equal(await scheduled.gained("toy", "burner", 10), 0);
    assert.ok((await scheduled.gained("toy", "crew", 10)) > 0);
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("is asked in the search that is under way", async () => {
    let answer: () => void = () => undefined;
    const slow: ConfiguredProfile = {
      ...toyProfile("0.1.0"),
      name: "slow",
      hash: "slow",
      profile: { attach: () => new Promise((resolve) => (answer = () => resolve(undefined))) },
    };
    const scheduled = new ScheduledHost({ domains: toys.slice(0, 1), profiles: [slow] });
    scheduled.cycle.tick();
    scheduled.registry.setProfiles([slow, toyProfile()]);
    answer();
    await scheduled.run(2);
    assert.deepEqual(managed(scheduled), ["toy"]);
  });

  it("leaves excluded domains alone", async () => {
    const scheduled = new ScheduledHost({ domains: toys, profiles: [], exclude: ["toy"] });
    await scheduled.attach();
    scheduled.registry.setProfiles([linuxProfile, toyProfile()]);
    await scheduled.run(10);
    assert.deepEqual(managed(scheduled), ["linux"]);
  });
});

describe("a guest profile that is removed while the scheduler runs", () => {
  it("lets go of all that it holds, and its domain is unmanaged", async () => {
    const ledger = new Ledger();
    const scheduled = await hostWith([linuxProfile, ledger.keep(toyProfile())]);
    scheduled.decide = holdNamed("crew");
    await scheduled.run(6);
    assert.equal(holdWords(scheduled), 3);
    scheduled.registry.setProfiles([linuxProfile]);
    await runUntil(scheduled, "unmanaged", () => !managed(scheduled).includes("toy"));
    assert.equal(holdWords(scheduled), 0);
    assert.equal(ledger.open.size, 0);
    const crew = () =>
      scheduled.host
        .toy("toy")
        .tasks()
        .filter(({ name }) => name.startsWith("crew"));
    const before = crew().map(({ cpuTimeNs }) => cpuTimeNs);
    await scheduled.run(10);
    assert.ok(
      crew().every(({ cpuTimeNs }, i) => cpuTimeNs > before[i]!),
      "all three run",
    );
    await scheduled.run(200);
    const told = scheduled.events("domain-unmanaged").map(({ domain, reason }) => [domain, reason]);
    assert.deepEqual(told, [["toy", "its guest profile toy was removed"]]);
    assert.deepEqual(scheduled.events("profile-removed").at(-1)?.domains, ["toy"]);
    assert.equal(await scheduled.gained("linux", "crew", 10), 0, "others go on");
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("lets go of a Linux domain likewise, and another profile may have the domain then", async () => {
    const scheduled = await hostWith([linuxProfile]);
    scheduled.decide = holdNamed("crew", "burner");
    await scheduled.run(6);
    assert.equal(scheduled.cycle.heldTasks(), 4);
    scheduled.registry.setProfiles([{ ...linuxProfile, name: "other", hash: "other" }]);
    await runUntil(scheduled, "taken over", () => domainOf(scheduled, "linux").profileName === "other");
    assert.deepEqual(scheduled.events("domain-unmanaged").at(-1)?.domain, "linux");
    scheduled.decide = () => [];
    await scheduled.run(6);
    assert.ok((await scheduled.gained("linux", "crew", 10)) > 0);
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("waits for a domain that an administrator has paused, and keeps his pause", async () => {
    const ledger = new Ledger();
    const scheduled = await hostWith([ledger.keep(toyProfile())]);
    scheduled.decide = holdNamed("crew");
    await scheduled.run(6);
    const id = scheduled.host.idOf("toy");
    scheduled.host.pause(id);
    scheduled.registry.setProfiles([]);
    await scheduled.run(50);
    assert.equal(holdWords(scheduled), 0, "let go");
    assert.equal(ledger.open.size, 1, "but not seen to run yet");
    assert.ok(domainOf(scheduled, "toy").leaving);
    assert.equal(scheduled.host.domains[0]?.pauseCount, 1);
    scheduled.host.unpause(id);
    await runUntil(scheduled, "unmanaged", () => ledger.open.size === 0);
    assert.ok((await scheduled.gained("toy", "crew", 10)) > 0);
  });

  it("forgets a domain that goes away meanwhile", async () => {
    const ledger = new Ledger();
    const scheduled = await hostWith([ledger.keep(toyProfile())]);
    scheduled.decide = holdNamed("crew");
    await scheduled.run(6);
    scheduled.host.pause(scheduled.host.idOf("toy"));
    scheduled.registry.setProfiles([]);
    await scheduled.run(2);
    assert.equal(ledger.open.size, 1);
    scheduled.host.destroyDomain(scheduled.host.idOf("toy"));
    await scheduled.run(2);
    assert.equal(ledger.open.size, 0);
    assert.equal(scheduled.events("domain-gone").at(-1)?.domain, "toy");
  });

  it("is taken back when it comes again before all is released", async () => {
    const ledger = new Ledger();
    const profile = ledger.keep(toyProfile());
    const scheduled = await hostWith([profile]);
    scheduled.host.pause(scheduled.host.idOf("toy"));
    scheduled.decide = holdNamed("crew");
    await scheduled.run(6);
    scheduled.registry.setProfiles([]);
    scheduled.registry.setProfiles([profile]);
    scheduled.host.unpause(scheduled.host.idOf("toy"));
    await scheduled.run(6);
    assert.deepEqual([managed(scheduled).includes("toy"), holdWords(scheduled)], [true, 3]);
    assert.equal(ledger.open.size, 1);
  });

  it("and whose attach is under way: what that finds later is let go at once", async () => {
    const ledger = new Ledger();
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const late = ledger.keep(
      toyProfile("2.0.0", async (...given) => {
        await gate;
        return toy.attach(...given);
      }),
    );
    const scheduled = new ScheduledHost({ domains: toys.slice(0, 1), profiles: [late] });
    scheduled.cycle.tick();
    await setImmediate();
    scheduled.registry.setProfiles([]);
    await scheduled.run(2);
    assert.equal(domainOf(scheduled, "toy").status, "unmanaged");
    go();
    await setImmediate();
    await scheduled.run(2);
    assert.deepEqual([ledger.open.size, domainOf(scheduled, "toy").status], [0, "unmanaged"]);
  });
});

describe("a guest profile that changes while the scheduler runs", () => {
  it("keeps a toy's tasks held throughout", async () => {
    const ledger = new Ledger();
    const scheduled = await hostWith([ledger.keep(toyProfile())]);
    scheduled.decide = holdNamed("crew");
    await scheduled.run(6);
    const before = scheduled.cpuTimeNs("toy", "crew");
    const edits = scheduled.events("hold").length;
    scheduled.registry.setProfiles([ledger.keep(toyProfile("2.0.0"))]);
    await runUntil(scheduled, "2.0.0", () => domainOf(scheduled, "toy").profile?.version === "2.0.0");
    await scheduled.run(10);
    assert.equal(scheduled.cpuTimeNs("toy", "crew"), before);
    assert.equal(scheduled.events("hold").length, edits, "nothing was held anew");
    assert.deepEqual([ledger.open.size, scheduled.cycle.heldTasks()], [1, 3]);
    scheduled.decide = () => [];
    await scheduled.run(6);
    assert.ok((await scheduled.gained("toy", "crew", 10)) > 0, "the new version can let go");
  });

  it("keeps a Linux domain's tasks held throughout, and in the way of a release", async () => {
    const scheduled = await hostWith([linuxProfile]);
    scheduled.decide = holdNamed("crew");
    await scheduled.run(6);
    const before = scheduled.cpuTimeNs("linux", "crew");
    scheduled.registry.setProfiles([{ ...linuxProfile, version: "2.0.0", hash: "linux 2" }]);
    await runUntil(scheduled, "2.0.0", () => domainOf(scheduled, "linux").profile?.version === "2.0.0");
    await scheduled.run(10);
    assert.equal(scheduled.cpuTimeNs("linux", "crew"), before);
    assert.equal(scheduled.cycle.heldTasks(), 3);
    scheduled.decide = () => [];
    scheduled.host.pause(scheduled.host.idOf("linux"));
    await scheduled.run(3);
    scheduled.registry.setProfiles([{ ...linuxProfile, version: "3.0.0", hash: "linux 3" }]);
    await runUntil(scheduled, "3.0.0", () => domainOf(scheduled, "linux").profile?.version === "3.0.0");
    scheduled.host.unpause(scheduled.host.idOf("linux"));
    await scheduled.run(6);
    assert.ok((await scheduled.gained("linux", "crew", 10)) > 0);
    assert.equal(scheduled.cycle.heldTasks(), 0);
    assert.deepEqual(scheduled.complaints(), []);
  });

  const blind: typeof toy.attach = async (...given) => {
    const kernel = await toy.attach(...given);
    if (kernel === undefined) return undefined;
    const scan: GuestKernel["scan"] = (into) => {
      kernel.scan(into);
      into.columns.hold.fill(0);
    };
    return Object.assign(Object.create(kernel) as GuestKernel, {
      scan,
      plan: kernel.plan.bind(kernel),
      [Symbol.dispose]: () => undefined,
      description: kernel.description,
    });
  };
  const failures: readonly [what: string, attach: typeof toy.attach, reason: RegExp][] = [
    [
      "throws",
      () => {
        throw new Error("a slip");
      },
      /failed in attach\(\): a slip/,
    ],
    ["rejects", () => Promise.reject(new Error("a slip")), /failed in attach\(\): a slip/],
    ["recognises nothing", () => Promise.resolve(undefined), /does not recognise/],
    [
      "gives something else",
      () => Promise.resolve({} as GuestKernel),
      /no GuestKernel: scan, plan, dispose missing/,
    ],
    ["gives a kernel that does not see what is held", blind, /does not see that 3 tasks are held/],
  ];
  for (const [what, attach, reason] of failures) {
    it(`leaves the version before it in force when its attach ${what}`, async () => {
      const ledger = new Ledger();
      const scheduled = await hostWith([ledger.keep(toyProfile())]);
      scheduled.decide = holdNamed("crew");
      await scheduled.run(6);
      scheduled.registry.setProfiles([toyProfile("2.0.0", attach)]);
      await scheduled.run(20);
      const told = scheduled.events("profile-not-taken");
      assert.deepEqual(
        told.map(({ domain, profile, version }) => [domain, profile, version]),
        [["toy", "toy", "2.0.0"]],
      );
      assert.match(String(told[0]?.reason), reason);
      assert.equal(domainOf(scheduled, "toy").profile?.version, "1.0.0");
      assert.equal(await scheduled.gained("toy", "crew", 10), 0);
      scheduled.registry.setProfiles([ledger.keep(toyProfile("3.0.0"))]);
      await runUntil(scheduled, "3.0.0", () => domainOf(scheduled, "toy").profile?.version === "3.0.0");
      assert.deepEqual([ledger.open.size, holdWords(scheduled)], [1, 3]);
      assert.deepEqual([...scheduled.registry.profilesInUse], ["toy 3.0.0"]);
    });
  }

  it("does nothing when its hash is the same", async () => {
    const scheduled = await hostWith([toyProfile()]);
    const { kernel } = domainOf(scheduled, "toy");
    scheduled.registry.setProfiles([toyProfile()]);
    await scheduled.run(3);
    assert.equal(domainOf(scheduled, "toy").kernel, kernel);
    assert.deepEqual(
      scheduled.logged.filter(({ event }) => event.startsWith("profile-")),
      [],
    );
  });
});

describe("a guest profile with mistakes", () => {
  it("harms its own domains only: the others are found and scheduled", async () => {
    const rude: ConfiguredProfile = {
      ...toyProfile(),
      profile: {
        attach: () => {
          throw new TypeError("cannot read properties of undefined");
        },
      },
    };
    const scheduled = await hostWith([rude, linuxProfile]);
    assert.deepEqual(managed(scheduled), ["linux"]);
    assert.match(domainOf(scheduled, "toy").reason, /guest profile toy failed in attach\(\): cannot read/);
  });

  for (const call of ["scan", "plan"] as const) {
    for (const pause of ["late", "early"] as const) {
      it(`may throw anything from ${call}() without stopping a tick (pause: ${pause})`, async () => {
        const broken = toyProfile("1.0.0", async (...given) => {
          const kernel = await toy.attach(...given);
          if (kernel !== undefined)
            kernel[call] = () => {
              throw new RangeError("a slip");
            };
          return kernel;
        });
        const scheduled = new ScheduledHost({ domains: toys, profiles: [broken, linuxProfile], pause });
        await scheduled.attach();
        scheduled.decide = holdNamed("burner");
        await scheduled.run(8);
        assert.equal(await scheduled.gained("linux", "burner", 5), 0);
        assert.ok((await scheduled.gained("toy", "burner", 5)) > 0);
        assert.ok(scheduled.host.domains.every(({ pauseCount }) => pauseCount === 0));
      });
    }
  }

  it("that never answers does not keep the others from being asked", async () => {
    const silent: ConfiguredProfile = {
      ...toyProfile(),
      name: "silent",
      hash: "silent",
      profile: { attach: () => new Promise(() => undefined) },
    };
    const scheduled = new ScheduledHost({ domains: toys, profiles: [silent, linuxProfile, toyProfile()] });
    for (let i = 0; i < 61e9 / intervalNs; i++) {
      scheduled.host.advance(intervalNs);
      scheduled.cycle.tick();
      await setImmediate();
    }
    await scheduled.run(1);
    assert.deepEqual(managed(scheduled), ["toy", "linux"]);
  });
});

describe("guest profiles that come, change and go at random", () => {
  it("leave no task held, no domain paused and no kernel open", async function () {
    this.timeout(60_000);
    const random = new Random(4711);
    const ledger = new Ledger();
    const scheduled = new ScheduledHost({
      domains: [...toys, { name: "old", kind: "pv", os: "toy", toyVersion: 1, processes }],
      profiles: [ledger.keep(linuxProfile)],
      lockProbability: 0.2,
    });
    await scheduled.attach();
    scheduled.decide = holdNamed("crew", "burner", "guarded");
    const present = new Map<string, number>([["linux", 1]]);
    let managedTicks = 0;
    for (let step = 0; step < 100; step++) {
      const name = random.chance(0.7) ? "toy" : "linux";
      if (random.chance(0.4)) present.delete(name);
      else present.set(name, step);
      const profiles = [...present].map(([which, version]) => {
        const base = which === "toy" ? toyProfile() : linuxProfile;
        return ledger.keep({
          ...base,
          version: `1.0.${String(version)}`,
          hash: `${which} ${String(version)}`,
        });
      });
      scheduled.registry.setProfiles(profiles);
      for (let tick = random.below(6); tick > 0; tick--) {
        await scheduled.run(1);
        managedTicks += managed(scheduled).length;
      }
    }
    assert.ok(managedTicks > 100, `managed in ${String(managedTicks)} ticks`);
    assert.ok(scheduled.events("hold").some(({ outcome }) => outcome === "committed"));
    scheduled.registry.setProfiles([]);
    await runUntil(scheduled, "all let go", () => ledger.open.size === 0);
    assert.equal(scheduled.cycle.heldTasks(), 0);
    assert.ok(scheduled.host.domains.every(({ pauseCount }) => pauseCount === 0));
    for (const { name } of scheduled.host.domains)
      for (const comm of ["burner", "sleeper", "crew"])
        assert.ok((await scheduled.gained(name, comm, 10)) > 0, `${name} ${comm} runs`);
    assert.deepEqual(scheduled.complaints(), []);
  });
});
