import "reflect-metadata";
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../../core/clock.js";
import { EditLog } from "../../../core/cycle/edit-log.js";
import { SchedulerLoop } from "../../../core/cycle/scheduler-loop.js";
import { silentLog } from "../../../core/log.js";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { holdNamed, intervalNs, ScheduledHost, type ScheduledHostOptions } from "./scheduled-host.js";

const slowestIntervalNs = 8 * intervalNs;
const sleepy = { comm: "sleepy", workload: { kind: "sleepy", periodMs: 200 } } as const;
const domains: readonly DomainSpec[] = ["a", "b"].map((name) => ({ name, kind: "pvh", processes: [sleepy] }));

/** The loop of a scheduler, in virtual time; what it does at the ticks of these numbers; and when it ticked. */
class Loop {
  readonly scheduled: ScheduledHost;
  readonly beganNs: number[] = [];
  /** As policies were told. */
  readonly intervalsNs: number[] = [];

  wishes: (host: HostSnapshot) => Iterable<Wish> = () => [];

  constructor(options: Partial<ScheduledHostOptions> = {}) {
    this.scheduled = new ScheduledHost({ domains, slowestIntervalNs, lockProbability: 0, ...options });
  }

  async run(ticks: number, at: Readonly<Record<number, () => void>> = {}): Promise<void> {
    const { cycle, loop } = this.scheduled;
    const { beganNs, intervalsNs } = this;
    this.scheduled.decide = (host) => {
      beganNs.push(host.timeNs);
      intervalsNs.push(host.intervalNs);
      return this.wishes(host);
    };
    cycle.ticked = () => {
      at[beganNs.length]?.();
      if (beganNs.length === ticks) void loop.stop("fast");
    };
    await loop.start();
    await loop.ended;
    assert.ok(beganNs.length >= ticks);
  }

  /** Between the ticks of these numbers, in intervals. */
  between(from: number, to: number): readonly number[] {
    return this.beganNs
      .slice(from, to)
      .map((ns, i) => Math.round((ns - (this.beganNs[from + i - 1] ?? 0)) / (intervalNs / 100)) / 100);
  }

  /** It has slowed down by the tick of this number, and each tick from then on comes at the slowest interval. */
  assertSlow(from: number, to: number): void {
    for (const each of this.between(from, to)) assert.equal(each, slowestIntervalNs / intervalNs);
  }
}

const weight =
  (value: number) =>
  (host: HostSnapshot): readonly Wish[] =>
    host.domains.slice(0, 1).map((target) => ({ kind: "share", target, weight: value }));

describe("a scheduler with a slowest interval", () => {
  it("ticks ever more rarely while nothing happens; policies are told the true intervals, and none is missed", async () => {
    const loop = new Loop();
    await loop.run(40);
    loop.assertSlow(30, 40);
    assert.deepEqual(
      loop.intervalsNs.slice(1),
      loop.beganNs.slice(1).map((ns, i) => ns - (loop.beganNs[i] ?? 0)),
    );
    assert.deepEqual(loop.scheduled.loop.counts.missedTicks, 0);
    assert.equal(loop.scheduled.loop.intervalNs, slowestIntervalNs);
  });

  it("does not without one", async () => {
    const loop = new Loop({ slowestIntervalNs: intervalNs });
    await loop.run(30);
    assert.deepEqual(new Set(loop.between(1, 30)), new Set([1]));
  });

  const reasons: readonly (readonly [what: string, happens: (loop: Loop) => void])[] = [
    [
      "a process begins to compute",
      ({ scheduled }) => scheduled.host.guest("a").spawn({ comm: "burn", workload: { kind: "burn" } }),
    ],
    ["something is to be held", (loop) => (loop.wishes = holdNamed("sleepy"))],
    ["a share is wished", (loop) => (loop.wishes = weight(100))],
    [
      "a domain comes",
      ({ scheduled }) => scheduled.host.createDomain({ name: "c", kind: "pvh", processes: [] }),
    ],
    ["a domain goes", ({ scheduled: { host } }) => host.destroyDomain(host.idOf("b"))],
  ];
  for (const [what, happens] of reasons)
    it(`ticks at the usual interval from the tick on that sees that ${what}`, async () => {
      const loop = new Loop();
      await loop.run(36, { 30: () => happens(loop) });
      loop.assertSlow(25, 31);
      assert.deepEqual(loop.between(31, 36), [1, 1, 1, 1, 1]);
    });

  it("stays at the usual one as long as something is held", async () => {
    const loop = new Loop();
    loop.wishes = holdNamed("sleepy");
    await loop.run(40);
    assert.deepEqual(new Set(loop.between(1, 40)), new Set([1]));
  });

  it("ends its sleep when it is hurried, and ticks at the usual interval then", async () => {
    const { scheduled } = new Loop();
    const { host, cycle, registry, hypervisor } = scheduled;
    const options = {
      intervalNs,
      slowestIntervalNs,
      maxTasks: 2048,
      pauseBudgetNs: 5e6,
      pause: "late",
    } as const;
    const settings = { ...options, domains: { include: ["*"], exclude: [] } };
    const sleptNs: number[] = [];
    const clock: Clock = {
      nowNs: () => host.nowNs,
      wallTime: () => ({ wallTimeMs: 0, utcOffsetMinutes: 0 }),
      async sleep(ns, signal) {
        sleptNs.push(ns);
        if (sleptNs.length === 40) void loop.stop("fast");
        if (sleptNs.length !== 30) {
          host.advance(ns);
          await setImmediate();
          return;
        }
        host.advance(1e6);
        const aborted = new Promise((resolve) => signal?.addEventListener("abort", resolve));
        loop.hurry();
        await aborted;
      },
    };
    const editLog = new EditLog(silentLog, settings);
    const loop = new SchedulerLoop(cycle, registry, hypervisor, editLog, settings, clock, silentLog);
    const beganNs: number[] = [];
    cycle.ticked = () => beganNs.push(host.nowNs);
    await loop.start();
    await loop.ended;
    assert.equal(sleptNs[29], slowestIntervalNs);
    assert.equal((beganNs[30] ?? 0) - (beganNs[29] ?? 0), 1e6);
    assert.deepEqual(
      sleptNs.slice(30, 40),
      Array.from({ length: 10 }, () => intervalNs),
    );
  });
});

describe("a scheduler with jitter", () => {
  it("ticks at other times each, and policies are told the true intervals", async () => {
    const loop = new Loop({ jitterPercent: 50, slowestIntervalNs: intervalNs });
    await loop.run(200);
    const between = loop.between(1, 200);
    assert.ok(new Set(between).size > 50);
    const mean = between.reduce((sum, each) => sum + each, 0) / between.length;
    assert.ok(Math.abs(mean - 1) < 0.01, `mean ${mean}`);
    assert.deepEqual(
      loop.intervalsNs.slice(1),
      loop.beganNs.slice(1).map((ns, i) => ns - (loop.beganNs[i] ?? 0)),
    );
  });
});
