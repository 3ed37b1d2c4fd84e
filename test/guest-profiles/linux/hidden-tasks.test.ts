import assert from "node:assert/strict";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { holdNamed, ScheduledHost } from "../../core/cycle/scheduled-host.js";
import { GuestView } from "../../native/simulated/guest-view.js";
import type { GuestVa } from "../../../core/memory/address.js";

const processes: DomainSpec["processes"] = [
  { comm: "rootkit", workload: { kind: "burn" } },
  { comm: "other", workload: { kind: "burn" } },
  { comm: "forker", workload: { kind: "forker", perSecond: 100, childMs: 2 } },
];
const guest: DomainSpec = { name: "guest", kind: "pvh", vcpuCount: 2, processes };

/** Takes a process off the lists of tasks, as a rootkit in the guest does: its links lead to itself. */
function hide(view: GuestView, comm: string): void {
  using paused = view.domain.pause();
  const task = view.task(comm);
  for (const list of ["tasks", "thread_node"]) {
    const offset = offsetOf("task_struct", list);
    const next = view.space.pointer(task, offset);
    const before = view.space.pointer(task, offset + 8);
    view.write64(paused, next, 8, before);
    view.write64(paused, before, 0, next);
    const node = (task + offset) as GuestVa;
    view.write64(paused, node, 0, node);
    view.write64(paused, node, 8, node);
  }
}

function names(scheduled: ScheduledHost, hidden: boolean): readonly string[] {
  const [domain] = scheduled.cycle.view().domains;
  return (domain?.processes ?? []).filter((one) => one.hidden === hidden).map(({ name }) => name);
}

describe("a process that is hidden in its guest", () => {
  it("is seen, told apart, held and released; and nothing else is taken for hidden", async () => {
    const scheduled = new ScheduledHost({ domains: [guest] });
    await scheduled.attach();
    await scheduled.run(40);
    assert.deepEqual(names(scheduled, true), []);
    using view = new GuestView(scheduled.host, "guest");
    hide(view, "rootkit");
    await scheduled.run(2);
    assert.deepEqual(names(scheduled, true), ["rootkit"]);
    assert.equal(names(scheduled, false).includes("rootkit"), false);
    scheduled.decide = holdNamed("rootkit");
    await scheduled.run(6);
    assert.equal(await scheduled.gained("guest", "rootkit", 20), 0);
    assert.deepEqual(names(scheduled, true), ["rootkit"]);
    scheduled.decide = () => [];
    await scheduled.run(6);
    assert.ok((await scheduled.gained("guest", "rootkit", 20)) > 0);
    assert.equal(scheduled.cycle.heldTasks(), 0);
    await scheduled.run(100);
    assert.deepEqual(names(scheduled, true), ["rootkit"]);
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("does not lead the walk astray when run queues lie", async () => {
    for (const value of [0x7f0000001000, -4093, -(2 ** 40), 0]) {
      const scheduled = new ScheduledHost({ domains: [guest] });
      await scheduled.attach();
      using view = new GuestView(scheduled.host, "guest");
      const area = view.space.pointer(view.symbol("__per_cpu_offset"), 0);
      const rq = (area + view.symbol("runqueues")) as GuestVa;
      const timeline = offsetOf("rq", "cfs") + offsetOf("cfs_rq", "tasks_timeline");
      using paused = view.domain.pause();
      view.write64(paused, rq, timeline, value);
      scheduled.cycle.tick();
      assert.ok(names(scheduled, false).length > 10);
      assert.deepEqual(names(scheduled, true), []);
    }
  });
});
