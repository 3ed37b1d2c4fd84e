import assert from "node:assert/strict";
import { schedulerStatus } from "../../../core/cycle/scheduler-status.js";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import idleOnly from "../../../plugins/idle-only/index.js";
import priorityTiers from "../../../plugins/priority-tiers/index.js";
import timeQuota from "../../../plugins/time-quota/index.js";
import { withDefaults } from "../../plugins/hostile-hosts.js";
import { options as tierOptions, tier } from "../../plugins/priority-tiers/tiers.js";
import { hide, rename } from "../../native/simulated/rootkit.js";
import { GuestView } from "../../native/simulated/guest-view.js";
import { holdNamed } from "../cycle/scheduled-host.js";
import { GuardedHost, type GuardedHostOptions } from "./guarded-host.js";
import { cpuTimeLie, stateLie } from "./lies.js";

const burn = { kind: "burn" } as const;
const sleepy = { kind: "sleepy", periodMs: 1000 } as const;
const daemon = { comm: "daemon", workload: { kind: "sleepy", periodMs: 700 } } as const;

/** The victim: a domain with a backup that runs while others are idle. */
const victim: DomainSpec = {
  name: "victim",
  kind: "pv",
  processes: [{ comm: "backup", workload: burn }, daemon],
};

function cheating(...processes: NonNullable<DomainSpec["processes"]>): DomainSpec {
  return { name: "cheat", kind: "pvh", processes: [...processes, daemon] };
}

function underIdleOnly(cheat: DomainSpec, more: Partial<GuardedHostOptions> = {}): GuardedHost {
  const options = withDefaults("idle-only", { background: [{ domain: "*", process: "backup" }] });
  return new GuardedHost({ domains: [victim, cheat], ...more }).use(idleOnly, options);
}

function underQuota(cheat: DomainSpec, more: Partial<GuardedHostOptions> = {}): GuardedHost {
  const options = withDefaults("time-quota", {
    budgets: [{ name: "b", processes: [{ domain: "cheat", process: "cheat" }], limits: [{ percent: 20 }] }],
  });
  return new GuardedHost({ domains: [victim, cheat], ...more }).use(timeQuota, options);
}

function isWithin(found: number, least: number, most: number): void {
  assert.ok(found >= least && found <= most, `${found.toFixed(2)} of ${String(least)} to ${String(most)}`);
}

/** Wishes this weight for the cheat. */
const favour =
  (weight: number) =>
  ({ domains }: HostSnapshot): readonly Wish[] =>
    domains.filter(({ name }) => name === "cheat").map((target) => ({ kind: "share", target, weight }));

async function isSound(host: GuardedHost): Promise<void> {
  host.lies.length = 0;
  host.afterTick = () => undefined;
  await host.run(1);
  assert.deepEqual(host.scheduled.complaints(), []);
}

describe("a guest that fakes a busy run queue", () => {
  it("keeps a victim's background waiting for three seconds, once", async () => {
    const host = underIdleOnly(cheating({ comm: "service", workload: sleepy }));
    await host.run(1);
    host.lies.push(stateLie(host.guest("cheat"), "service", "queued"));
    const lost = () => host.distrusted().length > 0;
    isWithin(await host.secondsUntil(lost, 10), 1.5, 3);
    assert.deepEqual(host.distrusted(), [
      "cheat: it says that it is busy, but does not use the CPUs that it could have",
    ]);
    // Longer than the time without trust, whose end does not give it another chance while it goes on lying.
    isWithin(await host.percent(60, "victim", "backup"), 99, 100);
    await isSound(host);
  }).timeout(60_000);

  it("is shown in the status, and trusted again when it has been honest", async () => {
    const host = underIdleOnly(cheating({ comm: "service", workload: sleepy }));
    await host.run(1);
    host.lies.push(stateLie(host.guest("cheat"), "service", "queued"));
    await host.run(5);
    const { loop, cycle, registry } = host.scheduled;
    const shown = () => schedulerStatus(loop, cycle, registry).domains.map(({ lostSay }) => lostSay);
    const [none, lost] = shown();
    assert.equal(none, undefined);
    assert.match(lost?.reason ?? "", /says that it is busy/);
    isWithin(lost?.seconds ?? 0, 25, 29);
    await isSound(host);
    await host.run(30);
    assert.deepEqual(shown(), [undefined, undefined]);
    assert.deepEqual(
      host.scheduled.events("domain-trusted").map(({ domain }) => domain),
      ["cheat"],
    );
  }).timeout(60_000);

  it("is believed for as long as the configuration says so", async () => {
    const host = underIdleOnly(cheating({ comm: "service", workload: sleepy }), {
      guard: { checkClaims: false },
    });
    await host.run(1);
    host.lies.push(stateLie(host.guest("cheat"), "service", "queued"));
    await host.run(2);
    isWithin(await host.percent(10, "victim", "backup"), 0, 0.1);
  });

  it("does not make a strict tier hold others, or take part in its tier's share", async () => {
    const host = new GuardedHost({
      domains: [victim, cheating({ comm: "high", workload: sleepy })],
      pcpuCount: 1,
    });
    const options = {
      ...tierOptions,
      tiers: [tier("high", 90, { strict: true }), tier("backup", 10)],
      hostCpus: 1,
    };
    host.use(priorityTiers, options);
    await host.run(1);
    host.lies.push(stateLie(host.guest("cheat"), "high", "queued"));
    isWithin(await host.percent(30, "victim", "backup"), 88, 100);
    assert.equal(host.distrusted().length, 1);
    await isSound(host);
  }).timeout(60_000);
});

describe("a guest that is busy for ever", () => {
  it("keeps a victim's background waiting for its part of the time only", async () => {
    const guard = { influencePercent: 25, influenceWindowNs: 20e9 };
    const host = underIdleOnly(cheating({ comm: "service", workload: burn }), { guard });
    await host.run(1);
    isWithin(await host.percent(80, "victim", "backup"), 70, 78);
    assert.match(host.distrusted()[0] ?? "", /^cheat: it has wanted CPUs for its share of the time/);
    await isSound(host);
  }).timeout(60_000);
});

describe("a guest that fakes an idle run queue", () => {
  it("loses its say, and the weight that a policy gives it", async () => {
    const host = new GuardedHost({ domains: [victim, cheating({ comm: "service", workload: burn })] });
    host.scheduled.decide = favour(1000);
    await host.run(1);
    const weight = () => host.scheduled.host.domains.find(({ name }) => name === "cheat")?.share.weight;
    assert.equal(weight(), 1000);
    const guest = host.guest("cheat");
    host.lies.push(
      stateLie(guest, "service", "sleeping"),
      cpuTimeLie(guest, "service", () => 1e9),
    );
    isWithin(await host.secondsUntil(() => host.distrusted().length > 0, 10), 1.5, 3);
    assert.match(host.distrusted()[0] ?? "", /^cheat: it says that it is idle/);
    await host.run(0.2);
    assert.equal(weight(), 256);
    host.scheduled.decide = favour(100);
    await host.run(0.2);
    assert.equal(weight(), 100);
    await isSound(host);
  });

  it("has no say after a reboot either", async () => {
    const host = underIdleOnly(cheating({ comm: "service", workload: burn }));
    await host.run(1);
    const guest = host.guest("cheat");
    host.lies.push(
      stateLie(guest, "service", "sleeping"),
      cpuTimeLie(guest, "service", () => 1e9),
    );
    await host.run(4);
    host.lies.length = 0;
    const simulated = host.scheduled.host;
    simulated.rebootDomain(simulated.idOf("cheat"));
    await host.run(5);
    const { cycle } = host.scheduled;
    const says = () => cycle.view().domains.map(({ name, managed, hasSay }) => [name, managed, hasSay]);
    assert.deepEqual(says(), [
      ["victim", true, true],
      ["cheat", true, false],
    ]);
    isWithin(await host.percent(10, "victim", "backup"), 99, 100);
    await host.run(20);
    assert.deepEqual(says()[1], ["cheat", true, true]);
    isWithin(await host.percent(5, "victim", "backup"), 0, 1);
  }).timeout(60_000);

  it("does not keep a victim's background waiting by what it hides", async () => {
    const host = underIdleOnly(cheating({ comm: "service", workload: burn }));
    await host.run(1);
    const guest = host.guest("cheat");
    host.lies.push(
      stateLie(guest, "service", "sleeping"),
      cpuTimeLie(guest, "service", () => 1e9),
    );
    await host.run(4);
    isWithin(await host.percent(30, "victim", "backup"), 99, 100);
    await isSound(host);
  }).timeout(60_000);
});

describe("a guest whose clock jumps", () => {
  for (const [what, liar, leap] of [
    ["ahead, by an hour at each look", "service", (i: number) => 3600e9 * i],
    ["back and forth", "daemon", (i: number) => (i % 2 === 0 ? 0 : 5e9)],
  ] as const)
    it(`${what}: policies see no more than there was time for, and it loses its say`, async () => {
      const host = underQuota(cheating({ comm: "service", workload: burn }));
      await host.run(10);
      let i = 0;
      host.lies.push(cpuTimeLie(host.guest("cheat"), liar, (trueNs) => trueNs + leap(i++)));
      let seenNs = 0;
      host.seen = ({ domains }) => {
        const deltas = domains.flatMap(({ processes }) => processes.map((each) => each.cpuTimeDeltaNs));
        assert.ok(deltas.every((delta) => delta >= 0));
        seenNs += Math.max(...deltas);
      };
      isWithin(await host.secondsUntil(() => host.distrusted().length > 0, 10), 1.5, 4);
      assert.match(host.distrusted()[0] ?? "", /^cheat: its tasks' CPU times/);
      await host.run(20);
      // A tenth more than the time that passed, and what it may have saved up.
      assert.ok(seenNs < 1.1 * 25e9 + 10e9, `${String(seenNs / 1e9)} s`);
      host.seen = () => undefined;
      await isSound(host);
    }).timeout(60_000);

  it("gets no more than its quota by a CPU time that leaps in another process", async () => {
    const host = underQuota(
      cheating({ comm: "cheat", workload: burn }, { comm: "decoy", workload: { kind: "burn" } }),
    );
    let i = 0;
    host.lies.push(cpuTimeLie(host.guest("cheat"), "decoy", (trueNs) => trueNs + 3600e9 * i++));
    await host.run(5);
    isWithin(await host.percent(30, "cheat", "cheat"), 10, 21);
    await isSound(host);
  }).timeout(60_000);
});

describe("a guest that clears our hold", () => {
  it("loses its say within four seconds: its other work keeps nobody waiting", async () => {
    const domains = [
      victim,
      cheating({ comm: "service", workload: burn }, { comm: "cheat", workload: burn }),
    ];
    const options = withDefaults("idle-only", { background: [{ domain: "*", process: "backup" }] });
    const host = new GuardedHost({ domains }).use(idleOnly, options);
    const held = holdNamed("cheat");
    const { decide } = host.scheduled;
    host.scheduled.decide = (seen) => [...decide(seen), ...held(seen)];
    await host.run(1);
    isWithin(await host.percent(2, "victim", "backup"), 0, 0.1);
    const guest = host.guest("cheat");
    const pid = guest.processes().find(({ comm }) => comm === "cheat")?.pid ?? 0;
    host.afterTick = () => {
      guest.freeze(pid, true);
      guest.freeze(pid, false);
    };
    isWithin(await host.secondsUntil(() => host.distrusted().length > 0, 10), 1.5, 4);
    assert.deepEqual(host.distrusted(), ["cheat: it lets go of what is held"]);
    await host.run(0.5);
    isWithin(await host.percent(40, "victim", "backup"), 99, 100);
    await isSound(host);
  }).timeout(60_000);

  it("gets what the hypervisor's scheduler gives its domain, and no more", async () => {
    const host = new GuardedHost({
      domains: [
        { ...victim, processes: [{ comm: "server", workload: burn }] },
        cheating({ comm: "cheat", workload: burn }),
      ],
      pcpuCount: 1,
    });
    const [held, favoured] = [holdNamed("cheat"), favour(2560)];
    host.scheduled.decide = (seen) => [...held(seen), ...favoured(seen)];
    await host.run(1);
    const guest = host.guest("cheat");
    const pid = guest.processes().find(({ comm }) => comm === "cheat")?.pid ?? 0;
    host.afterTick = () => {
      guest.freeze(pid, true);
      guest.freeze(pid, false);
    };
    await host.run(5);
    const chargedNs = () => host.scheduled.host.domains.find(({ name }) => name === "cheat")?.cpuTimeNs ?? 0;
    const before = chargedNs();
    await host.run(20);
    isWithin((100 * (chargedNs() - before)) / 20e9, 0, 51);
    await isSound(host);
  }).timeout(60_000);
});

describe("a process that does not want to be held", () => {
  const guard = { maxHoldNs: 10e9, runSlotNs: 100e6 };

  it("runs for a slot when it has been held for as long as it may be", async () => {
    const host = new GuardedHost({ domains: [victim], guard });
    host.scheduled.decide = holdNamed("backup");
    await host.run(2);
    const ran: number[] = [];
    let before = host.scheduled.cpuTimeNs("victim", "backup");
    for (let tick = 0; tick < 500; tick++) {
      await host.run(0.1);
      const now = host.scheduled.cpuTimeNs("victim", "backup");
      if (now - before > 1e6) ran.push(tick / 10);
      before = now;
    }
    isWithin(ran.length, 5, 12);
    const gaps = ran.map((at, i) => at - (ran[i - 1] ?? 0));
    assert.ok(Math.max(...gaps) <= 10.2, String(ran));
    const slots = host.scheduled
      .events("run-slot")
      .map(({ domain, name }) => `${String(domain)}/${String(name)}`);
    assert.deepEqual(new Set(slots), new Set(["victim/backup"]));
    await isSound(host);
  }).timeout(60_000);

  it("does not gain more by a storm of forks than a tenth of the time", async () => {
    const storm = { comm: "cheat", workload: { kind: "forker", perSecond: 20, childMs: 60_000 } } as const;
    const host = new GuardedHost({ domains: [cheating(storm)], guard });
    host.scheduled.decide = holdNamed("cheat", "cheat-child");
    await host.run(5);
    const domain = host.scheduled.host.domains[0];
    const before = domain?.cpuTimeNs ?? 0;
    await host.run(60);
    assert.ok(host.scheduled.events("run-slot").length > 60);
    isWithin((100 * ((domain?.cpuTimeNs ?? 0) - before)) / 60e9, 0.5, 12);
    await isSound(host);
  }).timeout(60_000);

  for (const [what, cheat] of [
    ["another name", (view: GuestView) => rename(view, "backup", "cron")],
    ["hiding", (view: GuestView) => hide(view, "backup")],
  ] as const)
    it(`does not gain by ${what}`, async () => {
      const server = { ...victim, processes: [{ comm: "server", workload: burn }] };
      const options = withDefaults("idle-only", { background: [{ domain: "cheat", process: "backup" }] });
      const host = new GuardedHost({
        domains: [server, cheating({ comm: "backup", workload: burn })],
        guard,
      });
      host.use(idleOnly, options);
      await host.run(2);
      {
        using view = new GuestView(host.scheduled.host, "cheat");
        cheat(view);
      }
      isWithin(await host.percent(40, "cheat", "backup"), 0.5, 3);
      await isSound(host);
    }).timeout(60_000);

  it("gets no more than its quota by a nice value of its own, and takes nothing from another domain", async () => {
    const host = underQuota(cheating({ comm: "cheat", workload: burn }, { comm: "other", workload: burn }), {
      pcpuCount: 1,
    });
    host.afterTick = () => {
      const pid =
        host
          .guest("cheat")
          .processes()
          .find(({ comm }) => comm === "cheat")?.pid ?? 0;
      host.guest("cheat").renice(pid, -20);
    };
    await host.run(5);
    const before = host.scheduled.cpuTimeNs("victim", "backup");
    isWithin(await host.percent(20, "cheat", "cheat"), 15, 21);
    isWithin((100 * (host.scheduled.cpuTimeNs("victim", "backup") - before)) / 20e9, 49, 100);
    await isSound(host);
  }).timeout(60_000);

  it("is at its tier's nice value again at the next tick, whatever it gives itself", async () => {
    const host = new GuardedHost({
      domains: [cheating({ comm: "low-cheat", workload: burn }, { comm: "high-server", workload: burn })],
    }).use(priorityTiers, tierOptions);
    await host.run(2);
    let tick = 0;
    host.afterTick = () => {
      const pid =
        host
          .guest("cheat")
          .processes()
          .find(({ comm }) => comm === "low-cheat")?.pid ?? 0;
      if (tick++ % 10 === 0) host.guest("cheat").renice(pid, -20);
    };
    // A tenth of the time nearly all, and a tenth of the rest: its tier has less than a hundredth of that of the other.
    isWithin(await host.percent(30, "cheat", "low-cheat"), 0, 21);
    await isSound(host);
  }).timeout(60_000);

  it("counts as work when it sleeps at every tick", async () => {
    // 100 ms in all, as the ticks: it sleeps at every one of them.
    const host = underIdleOnly(
      cheating({ comm: "service", workload: { kind: "sleepy", periodMs: 40, workUs: 60_000 } }),
    );
    await host.run(5);
    isWithin(await host.percent(20, "victim", "backup"), 0, 1);
    assert.deepEqual(host.distrusted(), []);
    await isSound(host);
  }).timeout(60_000);
});
