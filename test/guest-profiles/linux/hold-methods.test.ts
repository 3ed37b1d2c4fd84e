import assert from "node:assert/strict";
import { holdMethodNames, type HoldMethodName } from "../../../guest-profiles/linux/hold-method.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import {
  holdAtRandom,
  holdNamed,
  intervalNs,
  linuxProfile,
  ScheduledHost,
} from "../../core/cycle/scheduled-host.js";
import { GuestView } from "../../native/simulated/guest-view.js";

const processes: DomainSpec["processes"] = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "other", workload: { kind: "burn" } },
  { comm: "third", workload: { kind: "burn" }, nice: 5 },
  { comm: "fourth", workload: { kind: "burn" } },
  { comm: "fifth", workload: { kind: "burn" } },
  { comm: "threads", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
  { comm: "forker", workload: { kind: "forker", perSecond: 20, childMs: 2 } },
];
const guests: readonly DomainSpec[] = [
  { name: "pv1", kind: "pv", vcpuCount: 1, processes },
  { name: "pv2", kind: "pv", vcpuCount: 2, processes },
  { name: "pvh2", kind: "pvh", vcpuCount: 2, kaslr: true, processes },
  { name: "pvh5", kind: "pvh", vcpuCount: 2, fiveLevel: true, processes },
];
const withHold = (hold: HoldMethodName) => ({ ...linuxProfile, hash: hold, options: { hold } });

describe("ways to hold a process", () => {
  for (const method of holdMethodNames) {
    for (const guest of guests) {
      const { name } = guest;
      for (const comm of ["burner", "threads"]) {
        it(`${method}, ${name}: ${comm} gains no CPU time, and runs again when it is let go`, async () => {
          const scheduled = new ScheduledHost({
            domains: [guest],
            profiles: [withHold(method)],
            lockProbability: 0.2,
          });
          await scheduled.attach();
          assert.ok((await scheduled.gained(name, comm, 10)) > 0, "runs before");
          scheduled.decide = holdNamed(comm);
          // What runs at the moment, or is in the kernel, is held a few ticks later.
          await scheduled.run(30);
          assert.equal(await scheduled.gained(name, comm, 20), 0, "while held");
          assert.equal(scheduled.cycle.heldTasks(), comm === "threads" ? 3 : 1);
          assert.ok((await scheduled.gained(name, "other", 4)) > 0, "another process runs meanwhile");
          scheduled.decide = () => [];
          await scheduled.run(6);
          assert.ok((await scheduled.gained(name, comm, 20)) > 0, "runs after");
          assert.equal(scheduled.cycle.heldTasks(), 0);
          assert.deepEqual(scheduled.complaints(), []);
        });
      }
    }

    it(`${method}: the process still dies of a fatal signal`, async () => {
      const scheduled = new ScheduledHost({ domains: guests.slice(0, 1), profiles: [withHold(method)] });
      await scheduled.attach();
      scheduled.decide = holdNamed("burner");
      await scheduled.run(30);
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

    for (const pause of ["late", "early"] as const) {
      it(`${method}: at random, leaves every guest whole and every thread running (pause: ${pause})`, async function () {
        this.timeout(60_000);
        const profiles = [withHold(method)];
        const scheduled = new ScheduledHost({
          domains: guests,
          profiles,
          lockProbability: 0.3,
          pause,
          seed: 7,
        });
        await scheduled.attach();
        scheduled.decide = holdAtRandom(12345);
        await scheduled.run(200);
        assert.deepEqual(scheduled.complaints(), []);
        const committed = scheduled.logged.filter((fields) => fields.outcome === "committed").length;
        assert.ok(committed > 300, `${String(committed)} edits`);
        scheduled.decide = () => [];
        await scheduled.run(20);
        assert.equal(scheduled.cycle.heldTasks(), 0);
        for (const { name } of guests)
          for (const comm of ["burner", "other", "third", "threads"])
            assert.ok((await scheduled.gained(name, comm, 20)) > 0, `${name} ${comm} runs`);
        assert.deepEqual(scheduled.complaints(), []);
      });
    }
  }

  it("is released as it was held, also when another way has been chosen meanwhile", async () => {
    for (const [from, to] of [
      ["trap", "unlink"],
      ["unlink", "trap"],
      ["deschedule", "unlink"],
    ] as const) {
      const scheduled = new ScheduledHost({ domains: guests.slice(0, 1), profiles: [withHold(from)] });
      await scheduled.attach();
      scheduled.decide = holdNamed("burner");
      await scheduled.run(30);
      assert.equal(scheduled.cycle.heldTasks(), 1, from);
      scheduled.registry.setProfiles([withHold(to)]);
      await scheduled.run(5);
      assert.equal(await scheduled.gained("pv1", "burner", 10), 0, `${from} to ${to}: held on`);
      assert.equal(scheduled.cycle.heldTasks(), 1);
      scheduled.decide = () => [];
      await scheduled.run(10);
      assert.equal(scheduled.cycle.heldTasks(), 0, `${from} to ${to}: released`);
      assert.ok((await scheduled.gained("pv1", "burner", 10)) > 0);
      assert.deepEqual(scheduled.complaints(), []);
    }
  });

  for (const method of ["deschedule", "unlink"] as const) {
    const sleepers: DomainSpec["processes"] = [
      { comm: "sleeper", workload: { kind: "sleepy", periodMs: 20 } },
      { comm: "other", workload: { kind: "burn" } },
    ];
    for (const kind of ["pv", "pvh"] as const)
      it(`${method}, ${kind}: a task that sleeps sleeps on, and finds out when it is let go what it missed`, async () => {
        const scheduled = new ScheduledHost({
          domains: [{ name: "guest", kind, processes: sleepers }],
          profiles: [withHold(method)],
        });
        await scheduled.attach();
        scheduled.decide = holdNamed("sleeper");
        await scheduled.run(4);
        assert.equal(scheduled.cycle.heldTasks(), 1);
        assert.equal(await scheduled.gained("guest", "sleeper", 20), 0, "while held");
        scheduled.decide = () => [];
        await scheduled.run(4);
        assert.equal(scheduled.cycle.heldTasks(), 0);
        assert.ok((await scheduled.gained("guest", "sleeper", 20)) > 0, "after");
        assert.deepEqual(scheduled.complaints(), []);
      });

    it(`${method}: a task that sleeps on dies of a fatal signal`, async () => {
      const scheduled = new ScheduledHost({
        domains: [{ name: "guest", kind: "pv", processes: sleepers }],
        profiles: [withHold(method)],
      });
      await scheduled.attach();
      scheduled.decide = holdNamed("sleeper");
      await scheduled.run(4);
      assert.equal(scheduled.cycle.heldTasks(), 1);
      const guest = scheduled.host.guest("guest");
      guest.kill(guest.processes().find(({ comm }) => comm === "sleeper")?.pid ?? 0);
      await scheduled.run(6);
      assert.ok(!guest.processes().some(({ comm, zombie }) => comm === "sleeper" && !zombie));
      assert.deepEqual(scheduled.complaints(), []);
    });
  }

  it("trap: a task that sleeps is on its way to being held until it has woken and is parked in the trap", async () => {
    const sleeper = { comm: "sleeper", workload: { kind: "alternate", busyMs: 5, idleMs: 3000 } } as const;
    const scheduled = new ScheduledHost({ domains: [{ name: "guest", kind: "pvh", processes: [sleeper] }] });
    await scheduled.attach();
    const seen: string[] = [];
    scheduled.decide = (host) => {
      const threads = host.domains
        .flatMap(({ processes }) => processes)
        .flatMap((process) => process.threads);
      const thread = threads.find(({ name }) => name === "sleeper");
      const now = `${thread?.hold ?? ""}, ${thread?.state ?? ""}`;
      if (now !== seen.at(-1)) seen.push(now);
      return holdNamed("sleeper")(host);
    };
    await scheduled.run(100);
    assert.deepEqual(seen, ["none, sleeping", "holding, sleeping", "held, sleeping"]);
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("unlink: a task of another class is refused as such, also while it runs", async () => {
    const alone = { name: "guest", kind: "pvh", processes: processes.slice(0, 1) } as const;
    const scheduled = new ScheduledHost({ domains: [alone], profiles: [withHold("unlink")] });
    await scheduled.attach();
    using view = new GuestView(scheduled.host, "guest");
    const rt = BigInt.asUintN(64, BigInt(view.symbol("rt_sched_class")));
    const at = offsetOf("task_struct", "sched_class");
    {
      using paused = view.domain.pause();
      view.write32(paused, view.task("burner"), at, Number(rt & 0xffffffffn));
      view.write32(paused, view.task("burner"), at + 4, Number(rt >> 32n));
    }
    scheduled.decide = holdNamed("burner");
    assert.ok((await scheduled.gained("guest", "burner", 20)) > 0);
    const outcomes = new Set(scheduled.logged.flatMap(({ outcome }) => outcome ?? []));
    outcomes.delete("lock held");
    assert.deepEqual([...outcomes], ["not by this method"]);
  });

  it("unlink: what has its CPU for itself always runs, and goes on", async () => {
    const alone = { name: "guest", kind: "pvh", processes: processes.slice(0, 1) } as const;
    const scheduled = new ScheduledHost({ domains: [alone], profiles: [withHold("unlink")] });
    await scheduled.attach();
    scheduled.decide = holdNamed("burner");
    const gained = await scheduled.gained("guest", "burner", 20);
    assert.ok(gained > 19 * intervalNs, String(gained));
    assert.ok(scheduled.logged.some(({ outcome }) => outcome === "running"));
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("is what the capability says", async () => {
    const how: Record<HoldMethodName, RegExp> = {
      trap: /freezer trap/,
      deschedule: /schedule\(\)/,
      unlink: /run queue/,
    };
    for (const method of holdMethodNames) {
      const scheduled = new ScheduledHost({ domains: guests.slice(0, 1), profiles: [withHold(method)] });
      await scheduled.attach();
      const hold = scheduled.registry.domains[0]?.kernel?.description.capabilities.hold;
      assert.match(hold?.can === true ? hold.how : "", how[method]);
    }
  });
});
