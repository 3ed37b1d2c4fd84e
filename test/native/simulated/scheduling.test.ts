import assert from "node:assert/strict";
import { createSimulatedHost } from "../../../native/simulated/index.js";
import { GuestView, hostWithGuest, msNs, secondNs } from "./guest-view.js";

describe("the simulated guest's scheduler", () => {
  for (const [nice, ratio] of [
    [0, 1],
    [5, 3.06],
    [10, 9.31],
    [-5, 0.33],
  ] as const) {
    it(`shares a CPU by weight: nice ${String(nice)} gets 1/${String(ratio)}`, () => {
      const host = hostWithGuest("pv", {
        processes: [
          { comm: "burn-a", workload: { kind: "burn" } },
          { comm: "burn-b", workload: { kind: "burn" }, nice },
        ],
      });
      using view = new GuestView(host, "guest");
      host.advance(20 * secondNs);
      const measured = view.runtimeNs("burn-a") / view.runtimeNs("burn-b");
      assert.ok(Math.abs(measured / ratio - 1) < 0.06, `ratio ${String(measured)}`);
      assert.deepEqual(view.guest.console.complaints, []);
    });
  }

  it("wakes sleepers in time beside a burner, and lets an idle vCPU halt without its tick", () => {
    const host = hostWithGuest("pvh", {
      processes: [{ comm: "sleepy", workload: { kind: "alternate", busyMs: 10, idleMs: 90 } }],
    });
    using view = new GuestView(host, "guest");
    host.advance(10 * secondNs);
    assert.ok(Math.abs(view.runtimeNs("sleepy") / secondNs - 1) < 0.05);
    const [info] = view.hypervisor.domains();
    assert.ok((info?.cpuTimeNs ?? 0) < 1.1 * secondNs, "the vCPU was idle for nine tenths");
  });

  it("spreads runnable threads over two vCPUs", () => {
    const host = hostWithGuest("pvh", {
      vcpuCount: 2,
      processes: [{ comm: "pair", workload: { kind: "threads", count: 2, each: { kind: "burn" } } }],
    });
    using view = new GuestView(host, "guest");
    host.advance(5 * secondNs);
    assert.ok(view.runtimeNs("pair") > 4.8 * secondNs);
    assert.ok(view.runtimeNs("pair/1") > 4.8 * secondNs);
  });

  it("survives a minute of short-lived processes, with locks held whenever time stops", () => {
    const host = hostWithGuest(
      "pvh",
      {
        vcpuCount: 2,
        processes: [
          { comm: "shell", workload: { kind: "forker", perSecond: 80, childMs: 6 } },
          { comm: "burn", workload: { kind: "burn" } },
          {
            comm: "pool",
            workload: { kind: "threads", count: 4, each: { kind: "sleepy", periodMs: 7, workUs: 400 } },
          },
        ],
      },
      { lockProbability: 0.3 },
    );
    const guest = host.guest("guest");
    const pids = new Set<number>();
    for (let i = 0; i < 6000; i++) {
      host.advance(10 * msNs);
      if (i % 10 === 0) for (const entry of guest.processes()) pids.add(entry.pid);
    }
    assert.deepEqual(guest.console.complaints, []);
    assert.ok(guest.kernel.nextPid > 2000 && pids.size > 300, `forked ${String(guest.kernel.nextPid)}`);
    assert.ok(guest.processes().length < 60, "children are released");
  });

  it("runs the same way twice for one seed, and another way for another", () => {
    const run = (seed: number): string => {
      const host = createSimulatedHost({ seed });
      for (let i = 0; i < 100; i++) host.advance(20 * msNs);
      const guests = ["batch", "web"].map((name) =>
        host
          .guest(name)
          .processes()
          .map((entry) => host.guest(name).procStat(entry.pid)),
      );
      return JSON.stringify([host.domains.map((domain) => [domain.uuid, domain.cpuTimeNs]), guests]);
    };
    assert.equal(run(7), run(7));
    assert.notEqual(run(7), run(8));
  });

  it("keeps whole nanoseconds, whatever time it is told to pass", () => {
    const host = createSimulatedHost({ pcpuCount: 1 });
    using view = new GuestView(host, "web");
    view.domain.setShare({ weight: 256, capPercent: 33.3 });
    for (let i = 1; i <= 1000; i++) host.advance((i * msNs) / 7);
    assert.ok(Number.isInteger(host.nowNs));
    assert.deepEqual(view.guest.console.complaints, []);
  });

  it("charges the time of a pause to the thread that was current", () => {
    const host = hostWithGuest("pv", { processes: [{ comm: "burn", workload: { kind: "burn" } }] });
    using view = new GuestView(host, "guest");
    host.advance(secondNs);
    const before = view.runtimeNs("burn");
    const paused = view.domain.pause();
    host.advance(secondNs);
    assert.equal(view.runtimeNs("burn"), before, "nothing runs while it is paused");
    paused[Symbol.dispose]();
    host.advance(10 * msNs);
    assert.ok(view.runtimeNs("burn") - before > secondNs, "the next tick finds a second gone");
  });
});
