import assert from "node:assert/strict";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { holdNamed, linuxProfile, ScheduledHost } from "../../core/cycle/scheduled-host.js";
import { GuestView } from "../../native/simulated/guest-view.js";
import { hide } from "../../native/simulated/rootkit.js";
import type { GuestVa } from "../../../core/memory/address.js";

const processes: DomainSpec["processes"] = [
  { comm: "rootkit", workload: { kind: "burn" } },
  { comm: "other", workload: { kind: "burn" } },
  { comm: "forker", workload: { kind: "forker", perSecond: 100, childMs: 2 } },
];
const guest: DomainSpec = { name: "guest", kind: "pvh", vcpuCount: 2, processes };

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

  for (const hold of ["trap", "deschedule", "unlink"] as const)
    it(`${hold}: is still held when it hides while it is held, and released in the end`, async () => {
      const profiles = [{ ...linuxProfile, hash: hold, options: { hold } }];
      // Who has a CPU for itself cannot be unlinked.
      const scheduled = new ScheduledHost({ domains: [{ ...guest, vcpuCount: 1 }], profiles });
      await scheduled.attach();
      scheduled.decide = holdNamed("rootkit");
      await scheduled.run(30);
      assert.equal(scheduled.cycle.heldTasks(), 1);
      using view = new GuestView(scheduled.host, "guest");
      hide(view, "rootkit");
      await scheduled.run(3);
      assert.deepEqual(names(scheduled, true), ["rootkit"]);
      assert.equal(scheduled.cycle.heldTasks(), 1);
      assert.equal(await scheduled.gained("guest", "rootkit", 20), 0);
      scheduled.decide = () => [];
      await scheduled.run(10);
      assert.equal(scheduled.cycle.heldTasks(), 0);
      assert.ok((await scheduled.gained("guest", "rootkit", 20)) > 0);
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
