import assert from "node:assert/strict";
import { Random } from "../../../../native/simulated/linux/random.js";
import { builds, msNs, secondNs, windowsHost, WindowsView } from "./windows-view.js";
import { outSwapProcess } from "../../../../native/simulated/windows/process-swap.js";
import { busy } from "./busy-guest.js";

describe("the dispatcher of the simulated Windows", function () {
  this.timeout(240_000);

  for (const build of builds) {
    it(`${build}: goes 100,000 random steps, stopped anywhere, and serves every runnable thread`, () => {
      const random = new Random(build);
      const host = windowsHost(build, busy, { lockProbability: 0.3, pcpuCount: 3, seed: build });
      using view = new WindowsView(host);
      const { guest } = view;
      let stopped = 0;
      let seenLocked = 0;
      for (let quarter = 0; quarter < 4; quarter++) {
        const before = new Map(guest.threads().map((one) => [one.address, one]));
        for (let i = 0; i < 25_000; i++) {
          host.advance(1 + random.below(2 * msNs));
          const inKernel = guest.kernel.cpus.find((cpu) => cpu.operation !== undefined);
          if (inKernel !== undefined) {
            stopped++;
            assert.equal(view.domain.vcpus()[inKernel.id]?.userMode, false);
          }
          const locked = guest.kernel.cpus.some(
            ({ prcb }) => guest.kernel.memory.u32(prcb, view.layout.prcb.PrcbLock) !== 0,
          );
          if (locked) {
            seenLocked++;
            assert.ok(guest.kernel.cpus.some(({ id }) => guest.irql(id) >= 2));
          }
          if (i % 100 === 0) assert.deepEqual(guest.check(), []);
        }
        assert.deepEqual(guest.console.complaints, []);
        const idled = guest.threads().filter((one) => {
          const then = before.get(one.address);
          return then?.tid === one.tid && one.state === "Ready" && one.cpuTimeNs === then.cpuTimeNs;
        });
        // The thread that zeroes pages has priority 0: it runs when nothing else does.
        assert.deepEqual(
          idled.filter(({ basePriority }) => basePriority > 0),
          [],
        );
      }
      assert.ok(stopped > 10_000, `stopped in the kernel ${stopped} times`);
      assert.ok(seenLocked > 5000, `a PrcbLock was held ${seenLocked} times`);
      assert.ok(guest.kernel.nextCid > 4000, "processes came and went");
      // Two ids each; those that are left wait for their turn at low priority.
      assert.ok(guest.processes().length < guest.kernel.nextCid / 40, "and were deleted");
    });

    it(`${build}: gives the processor to the higher priority, and to equals in turn`, () => {
      const burn = { kind: "burn" } as const;
      const host = windowsHost(build, {
        processes: [
          { comm: "a.exe", workload: burn },
          { comm: "b.exe", workload: burn },
          { comm: "low.exe", workload: burn, nice: 5 },
        ],
      });
      using view = new WindowsView(host);
      host.advance(20 * secondNs);
      const used = (name: string): number => view.thread(name).cpuTimeNs / secondNs;
      assert.ok(Math.abs(used("a.exe") - used("b.exe")) < 1, `${used("a.exe")} and ${used("b.exe")}`);
      assert.ok(used("low.exe") < 2, `low got ${used("low.exe")} s`);
      assert.ok(used("low.exe") > 0, "who starves is raised to 15 for a moment");
      assert.deepEqual(view.guest.console.complaints, []);
      const { kernelTicks, userTicks } = view.thread("a.exe");
      const ticksNs = (kernelTicks + userTicks) * 15_625_000;
      assert.ok(Math.abs(ticksNs / (used("a.exe") * secondNs) - 1) < 0.1, "ticks and cycles tell the same");
    });

    it(`${build}: wakes sleepers beside a burner, and idles in between`, () => {
      const host = windowsHost(build, {
        processes: [{ comm: "sleepy.exe", workload: { kind: "alternate", busyMs: 10, idleMs: 90 } }],
      });
      using view = new WindowsView(host);
      host.advance(10 * secondNs);
      const used = view.thread("sleepy.exe").cpuTimeNs / secondNs;
      // Sleeps end at a tick of 15.625 ms.
      assert.ok(used > 0.85 && used < 1.05, `used ${used} s`);
      assert.ok(view.domain.info.cpuTimeNs < 1.3 * secondNs, "the vCPU halts");
    });

    it(`${build}: stops a suspended thread, and a terminated one for good`, () => {
      const host = windowsHost(build, busy);
      using view = new WindowsView(host);
      host.advance(secondNs);
      const { tid } = view.thread("burn.exe");
      view.guest.request(tid, { kind: "suspend" });
      host.advance(100 * msNs);
      const held = view.thread("burn.exe");
      assert.equal(held.state, "Waiting");
      host.advance(secondNs);
      assert.equal(view.thread("burn.exe").cpuTimeNs, held.cpuTimeNs);
      view.guest.request(tid, { kind: "resume" });
      assert.ok(view.advanceUntil(() => view.thread("burn.exe").cpuTimeNs > held.cpuTimeNs));
      view.guest.request(tid, { kind: "terminate" });
      assert.ok(view.advanceUntil(() => view.guest.processes().every(({ name }) => name !== "burn.exe")));
      assert.deepEqual(view.guest.console.complaints, []);
    });

    it(`${build}: brings a process back that left memory when one of its threads is woken`, () => {
      const host = windowsHost(build, {
        windowsProcesses: [{ comm: "pingpong.exe", workload: { kind: "ping-pong", workUs: 10 } }],
      });
      using view = new WindowsView(host);
      const { kernel } = view.guest;
      host.advance(secondNs);
      const { address, pid } = view.thread("svchost.exe");
      const waiting = (): boolean =>
        view.threadsOf("svchost.exe").every(({ state }) => state === "Waiting") &&
        kernel.cpus[0]!.operation === undefined;
      assert.ok(view.advanceUntil(waiting));
      const process = kernel.memory.s64(address, view.layout.thread.Process);
      const swapped = (): number => kernel.memory.u8(process, view.layout.process.State) & 7;
      kernel.requests.push((cpu) => outSwapProcess(kernel, cpu, process));
      assert.ok(view.advanceUntil(() => swapped() !== 0));
      const before = view.guest.processes().find((one) => one.pid === pid)?.cpuTimeNs ?? 0;
      assert.ok(
        view.advanceUntil(() => swapped() === 0),
        "a timer woke a thread of it",
      );
      host.advance(secondNs);
      assert.ok((view.guest.processes().find((one) => one.pid === pid)?.cpuTimeNs ?? 0) > before);
      assert.deepEqual(view.guest.check(), []);
      assert.deepEqual(view.guest.console.complaints, []);
    });

    it(`${build}: runs the same way twice for one seed, and another way for another`, () => {
      const run = (seed: number): string => {
        const host = windowsHost(build, busy, { seed, lockProbability: 0.2 });
        for (let i = 0; i < 60; i++) host.advance(20 * msNs);
        return JSON.stringify(host.windows("guest").threads());
      };
      assert.equal(run(7), run(7));
      assert.notEqual(run(7), run(8));
    });
  }

  it("runs beside a Linux domain on the same host", () => {
    const host = windowsHost(7601, busy);
    host.createDomain({
      name: "linux",
      kind: "pv",
      processes: [{ comm: "burn", workload: { kind: "burn" } }],
    });
    host.advance(2 * secondNs);
    assert.ok(host.domains.every(({ cpuTimeNs }) => cpuTimeNs > 0.3 * secondNs));
    assert.deepEqual(host.windows("guest").console.complaints, []);
    assert.deepEqual(host.guest("linux").console.complaints, []);
  });

  it("is no paravirtualised guest of Xen", () => {
    assert.throws(() => windowsHost(7601, { kind: "pv" }), /PVH or HVM/);
  });
});
