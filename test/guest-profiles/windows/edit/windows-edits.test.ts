import assert from "node:assert/strict";
import type { TaskChange } from "../../../../core/guest-profile.js";
import type { GuestVa } from "../../../../core/memory/address.js";
import { EditTransaction } from "../../../../core/memory/edit-transaction.js";
import { basePriorityOf } from "../../../../guest-profiles/windows/edit/base-priority.js";
import { identify } from "../../../../guest-profiles/windows/identify/identify.js";
import { windowsEdits } from "../../../../guest-profiles/windows/windows-edits.js";
import { secondNs, windowsHost, WindowsView } from "../../../native/simulated/windows/windows-view.js";
import { shippedLayouts } from "../shipped.js";
import { burn, machine, victim } from "./burning-machine.js";

describe("threads of Windows", function () {
  this.timeout(60_000);

  it("are not taken for others: by another id or start, and where no thread is", async () => {
    using edited = await machine(7601);
    const { view } = edited;
    const change = edited.changeOf(view.thread(victim), "hold");
    const at = (address: number) => ({ ...change, address: address as GuestVa });
    const strangers: readonly (readonly [expected: string, change: TaskChange])[] = [
      ["gone", { ...change, id: change.id + 4 }],
      ["gone", { ...change, startTimeNs: change.startTimeNs + 100 }],
      ["gone", at(0)],
      ["gone", at(0x7ff600001000)],
      ["gone", at(change.address + 1)],
      ["gone", at(change.address + 8)],
      ["gone", at(view.guest.kernel.systemProcess)],
      ["unreadable", at(-(2 ** 40))],
      ["untouchable", edited.changeOf(view.thread("System"), "hold")],
    ];
    for (const [expected, stranger] of strangers)
      assert.equal(edited.edits.plan(stranger, new EditTransaction()), expected, String(stranger.address));
    // Idle threads have id 0.
    const idle = at(view.guest.kernel.cpus[0]?.idle ?? 0);
    assert.equal(edited.edits.plan({ ...idle, id: 0 }, new EditTransaction()), "gone");
  });

  it("are not edited where processors share ready lists, and operators read why", async () => {
    using view = new WindowsView(windowsHost(19041, { processes: [{ comm: victim, workload: burn }] }));
    view.host.advance(secondNs);
    const kernel = await identify(view.domain, shippedLayouts);
    assert.ok(kernel !== undefined);
    const why = windowsEdits(kernel, view.domain);
    assert.match(typeof why === "string" ? why : "", /^from 8\.1 on processors share ready lists/);
  });

  it("are not edited in what can only be read, or in a kernel whose layout is doubtful", async () => {
    using edited = await machine(7601);
    const { kernel, view } = edited;
    assert.equal(
      windowsEdits({ ...kernel, readOnly: "it is not certain" }, view.domain),
      "it is not certain",
    );
    const why = windowsEdits({ ...kernel, processors: [] }, view.domain);
    assert.equal(why, "only 0 of its 1 processors are known");
    const { info, memory } = view.domain;
    const image = {
      info,
      memory,
      readOnly: "it is an image",
      vcpus: () => [],
      pause: () => view.domain.pause(),
      share: () => undefined,
      setShare: () => undefined,
      [Symbol.dispose]: () => undefined,
    };
    assert.equal(windowsEdits(kernel, image), "it is an image");
  });

  it("have base priorities that nice values stand for, each step of which is none up", () => {
    const priorities = Array.from({ length: 40 }, (_, i) => basePriorityOf(i - 20));
    assert.deepEqual(
      [priorities[0], priorities[19], priorities[20], priorities[21], priorities[39]],
      [15, 9, 8, 7, 1],
    );
    for (const [i, priority] of priorities.entries())
      assert.ok(i === 0 || priority <= (priorities[i - 1] ?? 0));
    assert.equal(new Set(priorities).size, 15);
  });
});
