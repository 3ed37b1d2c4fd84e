import assert from "node:assert/strict";
import type { GuestProfile } from "../../../core/guest-profile.js";
import type { LogFields } from "../../../core/log.js";
import { Random } from "../../../core/testing/random.js";
import { trust } from "../../../core/cycle/trust.js";
import { schedulerStatus } from "../../../core/cycle/scheduler-status.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { GuestView } from "../../native/simulated/guest-view.js";
import { holdAtRandom, holdNamed, intervalNs, linuxProfile, ScheduledHost } from "./scheduled-host.js";

const burn = (comm: string) => ({ comm, workload: { kind: "burn" } }) as const;
const guest: DomainSpec = {
  name: "guest",
  kind: "pvh",
  vcpuCount: 2,
  processes: [burn("batch"), burn("other")],
};
const neighbour: DomainSpec = { ...guest, name: "neighbour" };
const warning = "WARNING: CPU: 0 PID: 812 at kernel/sched/core.c:9876 enqueue_task+0x1/0x2";

class WatchedHost extends ScheduledHost {
  readonly levels: (readonly [level: string, fields: LogFields])[] = [];

  constructor(options: Partial<ConstructorParameters<typeof ScheduledHost>[0]> = {}) {
    const levels: (readonly [level: string, fields: LogFields])[] = [];
    const at = (level: string) => (fields: LogFields) => void levels.push([level, fields]);
    const log = {
      ...{ trace: at("trace"), debug: at("debug"), info: at("info") },
      ...{ warn: at("warn"), error: at("error") },
    };
    super({ domains: [guest, neighbour], log, ...options });
    this.levels = levels;
  }

  /** Levels at which an event was logged, and the rest of it. */
  told(event: string): readonly (readonly [level: string, fields: LogFields])[] {
    return this.levels.filter(([, fields]) => fields.event === event);
  }

  domain(name = "guest") {
    const found = this.registry.domains.find(({ info }) => info.name === name);
    assert.ok(found !== undefined);
    return found;
  }

  held(name = "guest"): number {
    const { domains } = schedulerStatus(this.loop, this.cycle, this.registry);
    assert.ok(domains.some((domain) => domain.name === name));
    return schedulerStatus(this.loop, this.cycle, this.registry).held.filter(({ domain }) => domain === name)
      .length;
  }
}

describe("a guest that complains", () => {
  for (const pause of ["late", "early"] as const)
    it(`after edits of ours is released, given its priorities back and left alone; pause: ${pause}`, async () => {
      const host = new WatchedHost({ pause });
      await host.attach();
      host.decide = function* (seen) {
        yield* holdNamed("batch")(seen);
        for (const process of seen.domains.flatMap(({ processes }) => processes))
          if (process.name === "other") yield { kind: "priority", target: process, nice: 10 };
      };
      await host.run(10);
      assert.deepEqual([host.held("guest"), host.held("neighbour")], [1, 1]);
      host.host.guest("guest").printk(warning);
      await host.run(20);
      const { status, reason, kernel } = host.domain();
      assert.equal(status, "unmanaged");
      assert.match(reason, /complained after edits of ours: WARNING: CPU: 0 .*vmmsched trust/);
      assert.equal(kernel, undefined);
      assert.equal(host.held("neighbour"), 1);
      assert.equal(host.domain("neighbour").status, "managed");
      assert.ok((await host.gained("guest", "batch", 20)) > 0);
      const nices = ["batch", "other"].map(
        (comm) =>
          host.host.guest("guest").procStat(
            host.host
              .guest("guest")
              .processes()
              .find((one) => one.comm === comm)?.pid ?? 0,
          )?.nice,
      );
      assert.deepEqual(nices, [0, 0]);
      assert.deepEqual(
        host
          .told("guest-complains")
          .map(([level, { domain, line, source, edited }]) => [level, domain, line, source, edited]),
        [["error", "guest", warning, "kernel log", true]],
      );
      await host.run(300);
      assert.equal(host.domain().status, "unmanaged");
      assert.deepEqual(host.complaints(), []);
    });

  it("before any edit is only noted, and once a minute at most", async () => {
    const host = new WatchedHost();
    await host.attach();
    for (let i = 0; i < 40; i++) {
      host.host.guest("guest").printk(warning);
      await host.run(2);
    }
    assert.equal(host.domain().status, "managed");
    assert.deepEqual(
      host.told("guest-complains").map(([level, { edited }]) => [level, edited]),
      [["info", false]],
    );
    host.decide = holdNamed("batch");
    await host.run(10);
    assert.equal(host.held(), 1, "what it complained of before is not held against it");
  });

  it("is not one where only a user says so, or a neighbour does", async () => {
    const host = new WatchedHost();
    await host.attach();
    host.decide = holdNamed("batch");
    await host.run(10);
    host.host.guest("guest").printk(warning, { facility: 1 });
    host.host.guest("guest").printk("batch[812]: segfault at 0 ip 0 sp 0 error 4");
    host.host.guest("neighbour").printk(warning);
    await host.run(20);
    assert.equal(host.held(), 1);
    assert.equal(host.domain("neighbour").status, "unmanaged");
  });

  it("is managed again when it is trusted, until it complains again", async () => {
    const host = new WatchedHost();
    const log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
    await host.attach();
    host.decide = holdNamed("batch");
    await host.run(10);
    host.host.guest("guest").printk(warning);
    await host.run(40);
    assert.deepEqual(trust(host.registry, "guest", log), {
      ...{ schema: 1, domain: "guest", id: host.domain().info.id },
      complaint: warning,
    });
    assert.equal(trust(host.registry, "guest", log).complaint, undefined);
    await host.run(20);
    assert.equal(host.held(), 1, "held again");
    host.host.guest("guest").printk("BUG: again");
    await host.run(40);
    assert.equal(host.domain().status, "unmanaged");
    assert.match(host.domain().reason, /BUG: again/);
    assert.throws(() => trust(host.registry, "gust", log), { code: "ERR_DOMAIN_UNKNOWN" });
  });

  it("may be trusted while it is still being released", async () => {
    const host = new WatchedHost();
    await host.attach();
    host.decide = holdNamed("batch");
    await host.run(10);
    host.host.guest("guest").printk(warning);
    await host.run(1);
    const { domains } = schedulerStatus(host.loop, host.cycle, host.registry);
    assert.deepEqual(
      domains.map(({ managed, complaint }) => [managed, complaint]),
      [
        [true, warning],
        [true, undefined],
      ],
    );
    trust(host.registry, "guest", { trace() {}, debug() {}, info() {}, warn() {}, error() {} });
    await host.run(20);
    assert.equal(host.domain().status, "managed");
    assert.equal(host.held(), 1);
  });

  it("is managed again when it has been booted anew", async () => {
    const host = new WatchedHost();
    await host.attach();
    host.decide = holdNamed("batch");
    await host.run(10);
    host.host.guest("guest").printk(warning);
    await host.run(40);
    assert.equal(host.domain().status, "unmanaged");
    host.host.rebootDomain(host.domain().info.id);
    await host.run(60);
    assert.equal(host.domain().status, "managed");
    assert.equal(host.held(), 1);
  });

  for (const [what, boots, status] of [
    ["another boot of it is found in the same domain", ["one", "two"], "managed"],
    ["the same boot is", ["one", "one"], "unmanaged"],
    ["its profile cannot tell boots apart", [undefined, undefined], "unmanaged"],
  ] as const)
    it(`is ${status} when ${what}`, async () => {
      const left = [...boots];
      const renaming: GuestProfile = {
        async attach(domain, options, layouts) {
          const kernel = await linuxProfile.profile.attach(domain, options, layouts);
          const boot = left.length > 1 ? left.shift() : left[0];
          const value = { ...kernel?.description, boot };
          return kernel && Object.defineProperty(kernel, "description", { value });
        },
      };
      const host = new WatchedHost({
        domains: [guest],
        profiles: [{ ...linuxProfile, profile: renaming }],
      });
      await host.attach();
      host.decide = holdNamed("batch");
      await host.run(10);
      assert.equal(host.held(), 1);
      host.host.guest("guest").printk(warning);
      await host.run(200);
      assert.equal(host.domain().status, status);
      assert.equal(host.held(), status === "managed" ? 1 : 0);
    });

  it("by a clock that stands still while it uses CPUs is left alone, too", async () => {
    const host = new WatchedHost({ domains: [guest] });
    await host.attach();
    host.decide = holdNamed("batch");
    await host.run(10);
    using view = new GuestView(host.host, "guest");
    const jiffies = view.symbol("jiffies");
    const stopped = view.space.u32(jiffies, 0);
    for (let i = 0; i < 250 && host.domain().status === "managed"; i++) {
      host.host.advance(intervalNs);
      {
        using paused = view.domain.pause();
        view.write32(paused, jiffies, 0, stopped);
      }
      host.cycle.tick();
      await host.settle();
    }
    assert.match(host.domain().reason, /clock stands still/);
    assert.equal(host.told("guest-complains")[0]?.[1].source, "clock");
    assert.ok(host.clock.nowNs() > 3e9);
  });

  it("has a clock that stands still because it is paused, or idle, and nothing is wrong with it", async () => {
    const idle: DomainSpec = {
      name: "idle",
      kind: "pvh",
      processes: [{ comm: "s", workload: { kind: "sleepy", periodMs: 5000 } }],
    };
    const host = new WatchedHost({ domains: [guest, idle] });
    await host.attach();
    host.decide = holdNamed("batch", "s");
    await host.run(10);
    host.host.pause(host.domain().info.id);
    await host.run(200);
    host.host.unpause(host.domain().info.id);
    await host.run(200);
    assert.deepEqual(host.told("guest-complains"), []);
    assert.deepEqual(
      host.registry.domains.map(({ status }) => status),
      ["managed", "managed"],
    );
  });

  it("at any moment, amid holds and releases at random, is always left with nothing held", async () => {
    const random = new Random(2026);
    for (let seed = 1; seed <= 6; seed++) {
      const host = new WatchedHost({ seed, lockProbability: 0.2 });
      await host.attach();
      host.decide = holdAtRandom(seed);
      await host.run(1 + random.below(20));
      host.host.guest("guest").printk(warning);
      await host.run(60);
      assert.equal(host.domain().status, "unmanaged");
      assert.ok((await host.gained("guest", "batch", 20)) > 0);
      assert.ok((await host.gained("guest", "other", 20)) > 0);
      assert.deepEqual(host.complaints(), []);
    }
  });

  it("whose profile cannot tell goes on, and that is told once", async () => {
    const failing: GuestProfile = {
      async attach(domain, options, layouts) {
        const kernel = await linuxProfile.profile.attach(domain, options, layouts);
        if (kernel !== undefined)
          kernel.health = () => {
            throw new TypeError("no idea");
          };
        return kernel;
      },
    };
    const profiles = [{ ...linuxProfile, profile: failing }];
    const host = new WatchedHost({ domains: [guest], profiles });
    await host.attach();
    host.decide = holdNamed("batch");
    await host.run(20);
    assert.equal(host.held(), 1);
    assert.deepEqual(
      host.told("health-unknown").map(([level, { code }]) => [level, code]),
      [["warn", "ERR_PROFILE_FAILED"]],
    );
  });
});
