import assert from "node:assert/strict";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { holdAtRandom, holdNamed, intervalNs, ScheduledHost } from "./scheduled-host.js";

const processes: DomainSpec["processes"] = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "other", workload: { kind: "burn" } },
  { comm: "sleeper", workload: { kind: "sleepy", periodMs: 30, workUs: 3000 } },
  { comm: "threads", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
  { comm: "forker", workload: { kind: "forker", perSecond: 20, childMs: 2 } },
];

const guests: readonly DomainSpec[] = [
  { name: "pv1", kind: "pv", vcpuCount: 1, processes },
  { name: "pv2", kind: "pv", vcpuCount: 2, processes },
  { name: "pvh1", kind: "pvh", vcpuCount: 1, processes },
  { name: "pvh2", kind: "pvh", vcpuCount: 2, kaslr: true, processes },
  { name: "pvh5", kind: "pvh", vcpuCount: 2, fiveLevel: true, processes },
];

describe("a held process", () => {
  for (const guest of guests) {
    const { name } = guest;
    for (const comm of ["burner", "sleeper", "threads"]) {
      it(`${name}: ${comm} gains no CPU time, and runs again when it is let go`, async () => {
        const scheduled = new ScheduledHost({ domains: [guest], lockProbability: 0.2 });
        await scheduled.attach();
        assert.ok((await scheduled.gained(name, comm, 10)) > 0, "runs before");
        scheduled.decide = holdNamed(comm);
        await scheduled.run(6);
        assert.equal(await scheduled.gained(name, comm, 20), 0, "while held");
        assert.ok((await scheduled.gained(name, "other", 4)) > 0, "another process runs meanwhile");
        scheduled.decide = () => [];
        await scheduled.run(6);
        assert.ok((await scheduled.gained(name, comm, 20)) > 0, "runs after");
        assert.equal(scheduled.cycle.heldTasks(), 0);
        assert.deepEqual(scheduled.complaints(), []);
      });
    }
  }

  it("is held also when it is all that its guest has to do, and is woken on idle vCPUs without a tick", async () => {
    for (const kind of ["pv", "pvh"] as const) {
      const alone = {
        name: "guest",
        kind,
        vcpuCount: 2,
        processes: [{ comm: "burner", workload: { kind: "burn" } }],
      } as const;
      const scheduled = new ScheduledHost({ domains: [alone] });
      await scheduled.attach();
      scheduled.decide = holdNamed("burner");
      await scheduled.run(5);
      assert.equal(await scheduled.gained("guest", "burner", 20), 0);
      scheduled.decide = () => [];
      await scheduled.run(3);
      const gained = await scheduled.gained("guest", "burner", 10);
      assert.ok(
        gained > 9 * intervalNs,
        `${kind}: runs at full speed after 3 intervals, gained ${String(gained)}`,
      );
      assert.deepEqual(scheduled.complaints(), []);
    }
  });

  it("makes no children while it is held, and those it made are not left over", async () => {
    const scheduled = new ScheduledHost({ domains: guests.slice(0, 1) });
    await scheduled.attach();
    const guest = scheduled.host.guest("pv1");
    const lastPid = () => Math.max(...guest.processes().map((entry) => entry.pid));
    scheduled.decide = holdNamed("forker", "forker-child");
    await scheduled.run(6);
    const before = lastPid();
    await scheduled.run(20);
    assert.equal(lastPid(), before);
    scheduled.decide = () => [];
    await scheduled.run(20);
    assert.ok(lastPid() > before);
    assert.equal(scheduled.cycle.heldTasks(), 0);
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("still dies of a fatal signal, and is forgotten", async () => {
    const scheduled = new ScheduledHost({ domains: guests.slice(0, 1) });
    await scheduled.attach();
    scheduled.decide = holdNamed("burner");
    await scheduled.run(6);
    assert.equal(scheduled.cycle.heldTasks(), 1);
    const guest = scheduled.host.guest("pv1");
    guest.kill(guest.processes().find((entry) => entry.comm === "burner")?.pid ?? 0);
    await scheduled.run(6);
    assert.equal(scheduled.cycle.heldTasks(), 0);
    assert.equal(
      guest.processes().some((entry) => entry.comm === "burner" && !entry.zombie),
      false,
    );
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("keeps its kernel threads, init and the other processes untouched, whatever is wished", async () => {
    const scheduled = new ScheduledHost({ domains: guests.slice(0, 1) });
    await scheduled.attach();
    scheduled.decide = (host) =>
      host.domains.flatMap((domain) => domain.processes).map((target) => ({ kind: "hold", target }));
    await scheduled.run(10);
    const [view] = scheduled.cycle.view().domains;
    const held =
      view?.processes.filter((process) => process.threads.some((thread) => thread.hold !== "none")) ?? [];
    assert.ok(held.length >= 5);
    assert.ok(held.every((process) => !process.kernel && process.pid > 1));
    scheduled.decide = () => [];
    await scheduled.run(10);
    assert.equal(scheduled.cycle.heldTasks(), 0);
    assert.deepEqual(scheduled.complaints(), []);
  });
});

describe("holding and releasing at random", () => {
  for (const pause of ["late", "early"] as const) {
    it(`leaves every guest whole and every thread running (pause: ${pause})`, async function () {
      this.timeout(60_000);
      const scheduled = new ScheduledHost({ domains: guests, lockProbability: 0.3, pause, seed: 7 });
      await scheduled.attach();
      scheduled.decide = holdAtRandom(12345);
      await scheduled.run(200);
      assert.deepEqual(scheduled.complaints(), []);
      const committed = scheduled.logged.filter((fields) => fields.outcome === "committed").length;
      assert.ok(committed > 500, `${String(committed)} edits`);
      scheduled.decide = () => [];
      await scheduled.run(20);
      assert.equal(scheduled.cycle.heldTasks(), 0);
      for (const { name } of guests) {
        for (const comm of ["burner", "other", "sleeper", "threads"])
          assert.ok((await scheduled.gained(name, comm, 10)) > 0, `${name} ${comm} runs`);
      }
      assert.deepEqual(scheduled.complaints(), []);
      assert.ok(scheduled.host.domains.every((domain) => domain.pauseCount === 0));
    });
  }
});
