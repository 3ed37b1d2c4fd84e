import assert from "node:assert/strict";
import { schedulerStatus } from "../../../core/cycle/scheduler-status.js";
import { VmmschedError } from "../../../core/errors.js";
import type { DomainShare } from "../../../core/hypervisor.js";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { ScheduledHost, type ScheduledHostOptions } from "./scheduled-host.js";

const domains: readonly DomainSpec[] = ["a", "b"].map((name) => ({
  name,
  kind: "pvh",
  os: "toy",
  weight: name === "b" ? 300 : 256,
  processes: [{ comm: "burner", workload: { kind: "burn" } }],
}));

async function hostOf(options: Partial<ScheduledHostOptions> = {}): Promise<ScheduledHost> {
  const scheduled = new ScheduledHost({ domains, ...options });
  await scheduled.attach();
  return scheduled;
}

/** This share for the domain of this name. */
const shared =
  (name: string, share: Partial<DomainShare>) =>
  (host: HostSnapshot): readonly Wish[] =>
    host.domains
      .filter((domain) => domain.name === name)
      .map((target) => ({ kind: "share", target, ...share, reason: "in a test" }));

const shareOf = ({ host }: ScheduledHost, name: string) =>
  host.domains.find((domain) => domain.name === name)?.share;

const statusOf = ({ loop, cycle, registry }: ScheduledHost) => schedulerStatus(loop, cycle, registry);

describe("a share that is wished", () => {
  for (const pause of ["late", "early"] as const)
    it(`is set at the end of the tick, with no domain paused, and given back when nobody wishes it (pause: ${pause})`, async () => {
      const scheduled = await hostOf({ pause });
      const set = scheduled.host.setShare.bind(scheduled.host);
      let sets = 0;
      scheduled.host.setShare = (...given) => {
        sets++;
        assert.ok(scheduled.host.domains.every(({ pauseCount }) => pauseCount === 0));
        set(...given);
      };
      scheduled.decide = shared("a", { weight: 1000, capPercent: 70 });
      await scheduled.run(3);
      assert.deepEqual(shareOf(scheduled, "a"), { weight: 1000, capPercent: 70 });
      assert.deepEqual(shareOf(scheduled, "b"), { weight: 300, capPercent: 0 });
      assert.equal(sets, 1);
      assert.deepEqual(
        scheduled.events("share").map(({ domain, from, to, reason }) => ({ domain, from, to, reason })),
        [
          {
            domain: "a",
            from: { weight: 256, capPercent: 0 },
            to: { weight: 1000, capPercent: 70 },
            reason: "test: in a test",
          },
        ],
      );
      scheduled.decide = () => [];
      await scheduled.run(2);
      assert.deepEqual(shareOf(scheduled, "a"), { weight: 256, capPercent: 0 });
      assert.equal(sets, 2);
      assert.equal(scheduled.events("share").at(-1)?.reason, undefined);
    });

  it("is seen by policies as it is now", async () => {
    const scheduled = await hostOf();
    const seen: unknown[] = [];
    const wish = shared("a", { weight: 1000, capPercent: 70 });
    scheduled.decide = (host) => {
      seen.push(host.domains.map(({ weight, capPercent }) => [weight, capPercent]));
      return wish(host);
    };
    await scheduled.run(2);
    assert.deepEqual(seen, [
      [
        [256, 0],
        [300, 0],
      ],
      [
        [1000, 70],
        [300, 0],
      ],
    ]);
  });

  it("has its effect in the host's scheduler", async () => {
    const scheduled = await hostOf();
    scheduled.decide = shared("a", { capPercent: 20 });
    await scheduled.run(4);
    const before = scheduled.cpuTimeNs("a", "burner");
    await scheduled.run(40);
    const percent = (scheduled.cpuTimeNs("a", "burner") - before) / 2e9;
    assert.ok(Math.abs(percent - 0.2) < 0.02, `found ${String(percent)}`);
  });

  it("is told in the status, with the domain's own, while it is changed", async () => {
    const scheduled = await hostOf();
    scheduled.decide = shared("b", { weight: 5 });
    await scheduled.run(1);
    const { domains: seen, shareCount } = statusOf(scheduled);
    assert.equal(shareCount, 1);
    assert.deepEqual(
      seen.map(({ share, ownShare }) => [share, ownShare]),
      [
        [undefined, undefined],
        [
          { weight: 5, capPercent: 0 },
          { weight: 300, capPercent: 0 },
        ],
      ],
    );
  });

  it("gives way to an administrator's in the end", async () => {
    const scheduled = await hostOf();
    scheduled.decide = shared("a", { weight: 1000 });
    await scheduled.run(2);
    scheduled.host.setShare(scheduled.host.idOf("a"), { weight: 77, capPercent: 5 });
    await scheduled.run(1);
    assert.deepEqual(shareOf(scheduled, "a"), { weight: 1000, capPercent: 5 });
    scheduled.decide = () => [];
    await scheduled.run(1);
    assert.deepEqual(shareOf(scheduled, "a"), { weight: 77, capPercent: 5 });
  });

  it("is given back when the policy fails, and when the scheduler ends", async () => {
    const scheduled = await hostOf();
    scheduled.decide = shared("a", { weight: 1000 });
    await scheduled.run(1);
    scheduled.decide = () => {
      throw new Error("in a test");
    };
    await scheduled.run(1);
    assert.equal(shareOf(scheduled, "a")?.weight, 256);
    scheduled.decide = shared("a", { weight: 1000 });
    await scheduled.run(1);
    await scheduled.loop.start();
    assert.equal(shareOf(scheduled, "a")?.weight, 1000);
    await scheduled.loop.stop("fast");
    assert.equal(shareOf(scheduled, "a")?.weight, 256);
    assert.equal(scheduled.events("stopped").at(-1)?.left, 0);
  });

  it("that cannot be given back makes the scheduler end with an error", async () => {
    const scheduled = await hostOf();
    scheduled.decide = shared("a", { weight: 1000 });
    await scheduled.loop.start();
    await scheduled.run(1);
    scheduled.host.setShare = () => {
      throw new VmmschedError("ERR_HYPERVISOR_CALL", "in a test");
    };
    await assert.rejects(scheduled.loop.stop("fast"), { code: "ERR_TASKS_LEFT_HELD" });
    assert.equal(scheduled.events("stopped").at(-1)?.left, 1);
  });

  it("ends with the domain: one that is started again has its own, and gets what is wished", async () => {
    const scheduled = await hostOf();
    scheduled.decide = shared("b", { weight: 1000 });
    await scheduled.run(1);
    scheduled.host.rebootDomain(scheduled.host.idOf("b"));
    await scheduled.run(1);
    assert.equal(shareOf(scheduled, "b")?.weight, 1000);
    scheduled.decide = () => [];
    await scheduled.run(1);
    assert.equal(shareOf(scheduled, "b")?.weight, 300);
  });

  it("is set in a domain that is not managed, and not in one that is to be left alone", async () => {
    const scheduled = await hostOf({ exclude: ["b"], profiles: [] });
    scheduled.decide = (host) => [...shared("a", { weight: 9 })(host), ...shared("b", { weight: 9 })(host)];
    await scheduled.run(3);
    assert.equal(shareOf(scheduled, "a")?.weight, 9);
    assert.equal(shareOf(scheduled, "b")?.weight, 300);
    assert.equal(statusOf(scheduled).domains[1]?.shareProblem, "excluded by the configuration");
    assert.equal(scheduled.events("share-not-set").length, 1);
  });

  it("is told once where the driver has none, and seen as undefined", async () => {
    const scheduled = await hostOf();
    const { registry } = scheduled;
    for (const { domain } of registry.domains) domain.share = () => undefined;
    const seen = new Set<number | undefined>();
    const wish = shared("a", { weight: 9 });
    scheduled.decide = (host) => {
      for (const { weight, capPercent } of host.domains) seen.add(weight).add(capPercent);
      return wish(host);
    };
    await scheduled.run(3);
    assert.deepEqual([...seen], [undefined]);
    assert.deepEqual(
      scheduled.events("share-not-set").map(({ domain }) => domain),
      ["a"],
    );
    assert.match(statusOf(scheduled).domains[0]?.shareProblem ?? "", /no weight and cap/);
    assert.equal(statusOf(scheduled).domains[1]?.shareProblem, undefined);
    scheduled.decide = () => [];
    await scheduled.run(1);
    assert.equal(statusOf(scheduled).domains[0]?.shareProblem, undefined);
  });

  it("is only told of in a dry run, once", async () => {
    const scheduled = await hostOf({ dryRun: true });
    scheduled.decide = shared("a", { weight: 1000 });
    await scheduled.run(3);
    scheduled.decide = () => [];
    await scheduled.run(2);
    assert.equal(shareOf(scheduled, "a")?.weight, 256);
    assert.deepEqual(
      scheduled.events("would-set-share").map(({ domain, to, reason }) => [domain, to, reason]),
      [
        ["a", { weight: 1000, capPercent: 0 }, "test: in a test"],
        ["a", { weight: 256, capPercent: 0 }, undefined],
      ],
    );
  });

  it("has a limit of disks, where there are any", async () => {
    const scheduled = await hostOf({
      domains: [
        { name: "a", kind: "pvh", diskBytesPerSecond: 1e8, processes: [] },
        { name: "b", kind: "pvh", processes: [] },
      ],
    });
    const { host, registry } = scheduled;
    const limitOf = (name: string) => registry.domains.find(({ info }) => info.name === name)?.share;
    const seen: unknown[] = [];
    scheduled.decide = (now) => {
      seen.push(now.domains.map(({ ioBytesPerSecond }) => ioBytesPerSecond));
      return now.domains.map((target) => ({ kind: "share", target, ioBytesPerSecond: 1e6 }));
    };
    await scheduled.run(2);
    assert.deepEqual(seen, [
      [0, undefined],
      [1e6, undefined],
    ]);
    assert.deepEqual(limitOf("a"), { weight: 256, capPercent: 0, ioBytesPerSecond: 1e6 });
    assert.match(statusOf(scheduled).domains[1]?.shareProblem ?? "", /no I\/O limit/);
    host.setShare(host.idOf("a"), { ioBytesPerSecond: 5e6 });
    await scheduled.run(1);
    assert.equal(limitOf("a")?.ioBytesPerSecond, 1e6);
    scheduled.decide = () => [];
    await scheduled.run(1);
    assert.equal(limitOf("a")?.ioBytesPerSecond, 5e6);
    assert.equal(statusOf(scheduled).shareCount, 0);
  });

  it("a background process that waits for its disk is held when that has served it, and writes no more", async () => {
    const scheduled = await hostOf({
      domains: [
        {
          name: "a",
          kind: "pvh",
          diskBytesPerSecond: 1e6,
          processes: [{ comm: "writer", workload: { kind: "writer" } }],
        },
      ],
    });
    let writtenBytes = 0;
    let hold = "";
    scheduled.decide = (now) => {
      const target = now.domains[0]?.processes.find(({ name }) => name === "writer");
      writtenBytes = target?.threads[0]?.writtenBytes ?? 0;
      hold = target?.threads[0]?.hold ?? "";
      return target === undefined ? [] : [{ kind: "hold", target }];
    };
    await scheduled.run(20);
    assert.equal(hold, "held");
    const before = writtenBytes;
    await scheduled.run(20);
    assert.ok(before > 0);
    assert.equal(writtenBytes, before);
    assert.deepEqual(scheduled.complaints(), []);
  });
});
