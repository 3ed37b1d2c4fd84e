import assert from "node:assert/strict";
import type { GuestVa } from "../../../core/memory/address.js";
import { offsetOf, bitOffsetOf } from "../../../native/simulated/linux/layout.js";
import { GuestView, hostWithGuest, msNs, secondNs } from "./guest-view.js";

const burners = [
  { comm: "burn-a", workload: { kind: "burn" } },
  { comm: "burn-b", workload: { kind: "burn" } },
] as const;

function isFrozen(view: GuestView, comm: string): boolean {
  const frozen = bitOffsetOf("task_struct", "frozen");
  return ((view.space.u32(view.task(comm), (frozen >>> 5) * 4) >>> (frozen & 31)) & 1) === 1;
}

describe("holding a thread of a simulated guest from outside", () => {
  for (const [kind, way] of [
    ["pv", "irq_work"],
    ["pvh", "irq_work"],
    ["pvh", "call"],
  ] as const) {
    it(`${kind}: parks in the freezer's trap, gains nothing, and runs again after ${way}`, () => {
      const host = hostWithGuest(kind, { processes: burners });
      using view = new GuestView(host, "guest");
      host.advance(secondNs);
      for (let round = 0; round < 20; round++) {
        view.hold("burn-a");
        host.advance(50 * msNs);
        const held = view.runtimeNs("burn-a");
        const task = view.task("burn-a");
        assert.equal(view.member(task, "task_struct", "__state"), 0x2001);
        assert.equal(view.member(task, "task_struct", "on_rq"), 0);
        assert.ok(isFrozen(view, "burn-a"));
        host.advance(200 * msNs);
        assert.equal(view.runtimeNs("burn-a") - held, 0);
        view.release("burn-a", way);
        host.advance(100 * msNs);
        assert.ok(view.runtimeNs("burn-a") - held > 30 * msNs);
        const stack = view.space.pointer(task, offsetOf("task_struct", "stack"));
        assert.equal(view.space.u32(stack, 200), way === "irq_work" ? 0x24 : 0x0, "the entry is free again");
      }
      assert.deepEqual(view.guest.console.complaints, []);
    });
  }

  it("lets a sleeping thread sleep, and traps it when it wakes", () => {
    const host = hostWithGuest("pvh", {
      processes: [{ comm: "sleepy", workload: { kind: "alternate", busyMs: 5, idleMs: 500 } }],
    });
    using view = new GuestView(host, "guest");
    host.advance(1.1 * secondNs);
    view.hold("sleepy");
    host.advance(10 * msNs);
    assert.ok(!isFrozen(view, "sleepy"));
    host.advance(secondNs);
    assert.ok(isFrozen(view, "sleepy"));
    const held = view.runtimeNs("sleepy");
    view.release("sleepy", "call");
    host.advance(2 * secondNs);
    assert.ok(view.runtimeNs("sleepy") - held > 15 * msNs);
  });

  it("traps again when it is woken with the bit still set", () => {
    const host = hostWithGuest("pvh", { processes: burners });
    using view = new GuestView(host, "guest");
    host.advance(secondNs);
    view.hold("burn-a");
    host.advance(50 * msNs);
    const held = view.runtimeNs("burn-a");
    view.release("burn-a", "call");
    view.hold("burn-a");
    host.advance(secondNs);
    assert.ok(view.runtimeNs("burn-a") - held < msNs);
    assert.equal(view.guest.procStat(view.pid("burn-a"))?.state, "S");
  });

  it("dies of SIGKILL while it is held", () => {
    const host = hostWithGuest("pv", { processes: burners });
    using view = new GuestView(host, "guest");
    host.advance(secondNs);
    view.hold("burn-a");
    host.advance(50 * msNs);
    view.guest.kill(view.pid("burn-a"));
    host.advance(3 * secondNs);
    assert.equal(
      view.guest.processes().some((entry) => entry.comm === "burn-a"),
      false,
    );
    assert.deepEqual(view.guest.console.complaints, []);
  });

  it("pv: an idle vCPU without tick looks at lazy_list only after an event, and a stuck port is not one", () => {
    const host = hostWithGuest("pv", { processes: [{ comm: "burn", workload: { kind: "burn" } }] });
    using view = new GuestView(host, "guest");
    host.advance(secondNs);
    view.hold("burn");
    host.advance(50 * msNs);
    const port = view.domain.eventChannel?.().port ?? 0;
    const words = view.space.pointer(view.symbol("event_array"), 0);
    assert.equal(view.space.u32(words, 4 * port) >>> 30, 1, "a new port is masked");
    const kick = (unmask: boolean): void => {
      using paused = view.domain.pause();
      if (unmask) view.write32(paused, words, 4 * port, view.space.u32(words, 4 * port) & 0x3fffffff);
      view.domain.eventChannel?.().notify();
    };
    const held = view.runtimeNs("burn");
    view.release("burn", "irq_work");
    kick(false);
    host.advance(20 * msNs);
    assert.equal(view.runtimeNs("burn"), held, "masked");
    kick(true);
    host.advance(20 * msNs);
    assert.ok(view.runtimeNs("burn") > held);
    assert.equal(view.space.u32(words, 4 * port), 0x80000000, "nobody clears PENDING");
  });
});

describe("a wrong edit of a simulated guest", () => {
  const breakages: readonly (readonly [string, RegExp, (view: GuestView) => void])[] = [
    [
      "a task unlinked from the tree with the counts left",
      /nr_running|rbtree|not a task|page fault/,
      (view) => {
        using paused = view.domain.pause();
        const cfs = queueOf(view);
        view.write64(paused, cfs, offsetOf("cfs_rq", "tasks_timeline"), 0);
        view.write64(paused, cfs, offsetOf("cfs_rq", "tasks_timeline") + 8, 0);
      },
    ],
    [
      "a count that says less than the queue",
      /nr_running is/,
      (view) => {
        using paused = view.domain.pause();
        const rq = (queueOf(view) - offsetOf("rq", "cfs")) as GuestVa;
        view.write32(paused, rq, offsetOf("rq", "nr_running"), 1);
      },
    ],
    [
      "a call queued twice",
      /WARNING: .*smp\.c/,
      (view) => {
        view.hold("burn-a");
        view.host.advance(50 * msNs);
        view.release("burn-a", "call");
        view.release("burn-a", "call");
      },
    ],
    [
      "an irq_work whose function is none",
      /NX-protected/,
      (view) => {
        view.release("burn-a", "irq_work");
        using paused = view.domain.pause();
        const stack = view.space.pointer(view.task("burn-a"), offsetOf("task_struct", "stack"));
        view.write64(paused, stack, 192 + 16, stack);
      },
    ],
    [
      "the end of a stack written over",
      /corrupted stack end/,
      (view) => {
        using paused = view.domain.pause();
        view.write32(paused, view.space.pointer(view.task("burn-a"), offsetOf("task_struct", "stack")), 0, 1);
      },
    ],
    [
      "a run queue's lock left held",
      /soft lockup/,
      (view) => {
        using paused = view.domain.pause();
        view.write32(paused, (queueOf(view) - offsetOf("rq", "cfs")) as GuestVa, 0, 1);
      },
    ],
  ];
  for (const [name, expected, edit] of breakages) {
    it(`shows: ${name}`, () => {
      const host = hostWithGuest("pvh", { processes: burners });
      using view = new GuestView(host, "guest");
      host.advance(secondNs);
      edit(view);
      host.advance(25 * secondNs);
      assert.match(view.guest.console.complaints.join("\n"), expected);
    });
  }
});

/** Address of vCPU 0's cfs_rq. */
function queueOf(view: GuestView): GuestVa {
  const area = view.space.pointer(view.symbol("__per_cpu_offset"), 0);
  return (area + view.symbol("runqueues") + offsetOf("rq", "cfs")) as GuestVa;
}
