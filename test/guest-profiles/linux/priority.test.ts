import assert from "node:assert/strict";
import type { NotNow } from "../../../core/guest-profile.js";
import { Random } from "../../../core/testing/random.js";
import { PF_IO_WORKER } from "../../../guest-profiles/linux/constants.js";
import linux from "../../../guest-profiles/linux/index.js";
import { holdMethodNames } from "../../../guest-profiles/linux/hold-method.js";
import { loadOfPrio, scaleLoad } from "../../../native/simulated/linux/fair.js";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import { cfsRq, entity, rq, task } from "../../../native/simulated/linux/offsets.js";
import { GuestView, hostWithGuest, msNs, secondNs } from "../../native/simulated/guest-view.js";
import { burners, Hand } from "./priority-hand.js";

const weightOf = (nice: number) => loadOfPrio(120 + nice).weight / scaleLoad;

function assertShare(found: number, nice: number): void {
  const expected = weightOf(nice) / weightOf(0);
  assert.ok(
    Math.abs(found / expected - 1) < 0.03,
    `nice ${String(nice)}: ${found.toFixed(4)}, expected ${expected.toFixed(4)}`,
  );
}

describe("priority of Linux tasks, from outside", () => {
  it("is a capability with the scale that snapshots have", async () => {
    using hand = await Hand.open({});
    const { priority } = hand.kernel.description.capabilities;
    assert.match(priority.can ? priority.how : "", /weight/);
    assert.deepEqual(
      [-20, 0, 19].map((nice) => hand.kernel.priorityOf?.(nice)),
      [100, 120, 139],
    );
  });

  it("is no capability of a guest that can only be read, or whose weights are not Linux's", async () => {
    using view = new GuestView(hostWithGuest("pvh", {}), "guest");
    view.host.advance(secondNs);
    const { memory, image } = view.guest.kernel;
    const nice0 = image.address("sched_prio_to_weight") + 4 * 20;
    const why = async () => {
      using kernel = await linux.attach(view.domain, {}, new Map());
      assert.ok(kernel !== undefined && !("priorityOf" in kernel));
      const { priority } = kernel.description.capabilities;
      return !priority.can ? priority.why : "none";
    };
    memory.w32(nice0, 0, 1023);
    assert.match(await why(), /not what it is in Linux/);
    memory.w32(nice0, 0, 1024);
    Object.defineProperty(view.domain, "readOnly", { value: "an image cannot be written" });
    assert.match(await why(), /an image/);
  });

  for (const nice of [-20, -5, 5, 10, 19]) {
    it(`nice ${String(nice)}: the share of a CPU is that of its weight, and equal again when it is undone`, async function () {
      this.timeout(60_000);
      using hand = await Hand.open({}, { lockProbability: 0.3 });
      const { view } = hand;
      hand.renice(view.pid("burn-b"), nice);
      view.host.advance(5 * secondNs);
      assertShare(hand.ratio("burn-b", "burn-a", 60), nice);
      hand.renice(view.pid("burn-b"), 0);
      view.host.advance(20 * secondNs);
      assertShare(hand.ratio("burn-b", "burn-a", 30), 0);
      hand.assertHealthy();
    });
  }

  it("is changed whether the task waits, runs or sleeps", async () => {
    const sleepy = { comm: "sleepy", workload: { kind: "sleepy", periodMs: 10 } } as const;
    using hand = await Hand.open({ processes: [...burners, sleepy] });
    const { view } = hand;
    const { memory, cpus } = view.guest.kernel;
    const met = new Set<string>();
    for (let turn = 0; turn < 200; turn++) {
      const comm = ["burn-a", "sleepy"][turn % 2] ?? "";
      const waits = hand.word(comm, task.on_rq) === 0 ? "sleeps" : "waits";
      met.add(`${comm} ${hand.word(comm, task.on_cpu) === 1 ? "runs" : waits}`);
      const [cpu] = cpus;
      const before = memory.s64(cpu?.cfs ?? 0, cfsRq.weight);
      const own = memory.s64(view.task(comm) + task.se, entity.weight);
      const isQueued = hand.word(comm, task.on_rq) === 1;
      hand.renice(view.pid(comm), (turn % 39) - 20);
      const grown = memory.s64(view.task(comm) + task.se, entity.weight) - own;
      assert.equal(memory.s64(cpu?.cfs ?? 0, cfsRq.weight) - before, isQueued ? grown : 0);
      view.host.advance(3.1 * msNs + turn * 1e4);
    }
    for (const each of ["burn-a runs", "burn-a waits", "sleepy sleeps"]) assert.ok(met.has(each), each);
    hand.assertHealthy();
  });

  for (const method of holdMethodNames)
    it(`is changed while the task is held (${method}), and counts when it runs again`, async () => {
      using hand = await Hand.open({}, { hold: method });
      const { view } = hand;
      const pid = view.pid("burn-b");
      hand.bring(pid, "hold", () => hand.word("burn-b", task.on_rq) === 0);
      hand.renice(pid, 10);
      view.host.advance(secondNs);
      assert.equal(hand.word("burn-b", task.on_rq), 0, "still held");
      hand.bring(pid, "release", () => hand.word("burn-b", task.on_rq) === 1);
      view.host.advance(5 * secondNs);
      assertShare(hand.ratio("burn-b", "burn-a", 30), 10);
      hand.assertHealthy();
    });

  it("can be changed by the guest itself afterwards, and is what the guest said last", async () => {
    using hand = await Hand.open({}, { lockProbability: 0.2 });
    const { view } = hand;
    const pid = view.pid("burn-b");
    for (const [outside, inside] of [
      [19, 5],
      [-20, 0],
      [3, -5],
    ] as const) {
      hand.renice(pid, outside);
      view.host.advance(3 * secondNs);
      view.guest.renice(pid, inside);
      assert.equal(view.guest.procStat(pid)?.nice, inside);
      view.host.advance(15 * secondNs);
      assertShare(hand.ratio("burn-b", "burn-a", 40), inside);
    }
    hand.assertHealthy();
  });

  it("goes on to new threads and processes of the task", async () => {
    const threads = { kind: "threads", count: 3, each: { kind: "burn" } } as const;
    const forker = { kind: "forker", perSecond: 20, childMs: 20 } as const;
    using hand = await Hand.open({
      processes: [
        { comm: "forker", workload: forker },
        { comm: "many", workload: threads },
      ],
    });
    const { view } = hand;
    hand.renice(view.pid("forker"), 7);
    view.host.advance(secondNs);
    const children = view.guest.processes().filter(({ comm, zombie }) => comm === "forker-child" && !zombie);
    assert.ok(children.length > 0);
    for (const { pid } of children) assert.equal(view.guest.procStat(pid)?.nice, 7);
    hand.assertHealthy();
  });

  it("at random, together with the guest's own and with holds, leaves the guest whole", async function () {
    this.timeout(60_000);
    const sleepy = { comm: "sleepy", workload: { kind: "sleepy", periodMs: 7, workUs: 900 } } as const;
    const threads = {
      comm: "many",
      workload: { kind: "threads", count: 3, each: { kind: "burn" } },
    } as const;
    for (const hold of holdMethodNames) {
      const processes = [...burners, sleepy, threads];
      using hand = await Hand.open({ vcpuCount: 2, processes }, { lockProbability: 0.3, hold });
      const { view } = hand;
      const random = new Random(99);
      const pids = view.guest.processes().flatMap(({ pid, kernel }) => (kernel || pid === 1 ? [] : [pid]));
      const outcomes = new Map<string, number>();
      for (let turn = 0; turn < 2500; turn++) {
        const pid = pids[random.below(pids.length)] ?? 0;
        const nice = random.below(40) - 20;
        if (random.chance(0.1)) view.guest.renice(pid, nice);
        if (random.chance(0.2)) hand.try(pid, random.chance(0.5) ? "hold" : "release");
        const outcome = hand.try(pid, { priority: 120 + nice });
        if (outcome === "committed") assert.equal(view.guest.procStat(pid)?.nice, nice);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        view.host.advance(random.below(8) * msNs);
      }
      assert.ok((outcomes.get("committed") ?? 0) > 1500, JSON.stringify([...outcomes]));
      assert.ok((outcomes.get("lock held") ?? 0) > 20, JSON.stringify([...outcomes]));
      for (const pid of pids) hand.renice(pid, 0);
      hand.assertHealthy();
    }
  });

  it("waits for locks, boosts and migrations to end, and touches neither the kernel's own threads nor init", async () => {
    using hand = await Hand.open({});
    const { view } = hand;
    const pid = view.pid("burn-b");
    const refused: readonly (readonly [NotNow, number, number])[] = [
      ["lock held", task.pi_lock, 1],
      ["lock held", task.prio, 98],
      ["migrating", task.on_rq, 2],
      ["queue inconsistent", task.se + entity.on_rq, 0],
      ["queue inconsistent", task.normal_prio, 119],
      ["wake-up under way", task.state, 0x200],
      ["untouchable", task.static_prio, 98],
      ["not by this method", task.sched_class, 8],
      ["queue inconsistent", task.se + entity.weight, 77],
      ["nothing to do", task.static_prio, 130],
    ];
    for (const [expected, at, value] of refused) {
      const before = hand.word("burn-b", at);
      hand.set("burn-b", at, value);
      // Both say that it is boosted only if they differ.
      if (at === task.normal_prio) hand.set("burn-b", task.prio, value);
      assert.equal(hand.try(pid, { priority: 130 }), expected);
      hand.set("burn-b", at, before);
      hand.set("burn-b", task.prio, 120);
    }
    const lock = view.guest.kernel.cpus[0]?.rq ?? 0;
    view.guest.kernel.memory.w32(lock, rq.lock, 1);
    assert.equal(hand.try(pid, { priority: 130 }), "lock held");
    view.guest.kernel.memory.w32(lock, rq.lock, 0);
    for (const priority of [99, 140, 120.5, Number.NaN])
      assert.equal(hand.try(pid, { priority }), "untouchable");
    assert.equal(hand.try(1, { priority: 130 }), "untouchable");
    assert.equal(hand.try(view.pid("kthreadd"), { priority: 130 }), "untouchable");
    const flags = hand.word("burn-b", task.flags);
    hand.set("burn-b", task.flags, flags | PF_IO_WORKER);
    assert.equal(hand.try(pid, { priority: 130 }), "committed", "a worker has to get back what it inherited");
    hand.set("burn-b", task.flags, flags);
    hand.assertHealthy();
  });

  it("is given to who was forked while its parent got another, and has that as its prio alone", async () => {
    using hand = await Hand.open({});
    const { view } = hand;
    hand.set("burn-b", task.prio, 126);
    hand.renice(view.pid("burn-b"), 7);
    assert.equal(view.guest.procStat(view.pid("burn-b"))?.nice, 7);
    hand.assertHealthy();
  });

  it("of tasks with a real-time policy is only kept, and of idle ones weighs nothing", async () => {
    for (const [policy, all] of [
      [1, false],
      [2, false],
      [6, false],
      [5, true],
    ] as const) {
      using hand = await Hand.open({});
      const { memory, cpus } = hand.view.guest.kernel;
      hand.set("burn-b", offsetOf("task_struct", "policy"), policy);
      const queue = memory.s64(cpus[0]?.cfs ?? 0, cfsRq.weight);
      assert.equal(hand.try(hand.view.pid("burn-b"), { priority: 139 }), "committed");
      const fields = [task.static_prio, task.normal_prio, task.prio].map((at) => hand.word("burn-b", at));
      assert.deepEqual(fields, all ? [139, 139, 139] : [139, 120, 120], `policy ${String(policy)}`);
      assert.equal(memory.s64(hand.view.task("burn-b") + task.se, entity.weight), 1024 * scaleLoad);
      assert.equal(memory.s64(cpus[0]?.cfs ?? 0, cfsRq.weight), queue);
    }
  });
});
