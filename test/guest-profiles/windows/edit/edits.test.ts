import assert from "node:assert/strict";
import { park } from "../../../native/simulated/windows/ready-lists.js";
import { msNs, secondNs } from "../../../native/simulated/windows/windows-view.js";
import { machine, victim } from "./burning-machine.js";
import { editable } from "./campaign.js";
import { EditedMachine } from "./edited-machine.js";

function assertSound({ view }: EditedMachine): void {
  assert.deepEqual(view.guest.check(), []);
  assert.deepEqual(view.guest.console.complaints, []);
}

describe("threads of a simulated Windows that the profile edits", function () {
  this.timeout(60_000);
  for (const build of editable) {
    it(`${build}: are held for seconds without a cycle, and run again after their release`, async () => {
      using edited = await machine(build);
      const { view } = edited;
      const thread = view.thread(victim);
      assert.equal(edited.holdOf(thread), "none");
      edited.changeSoon(thread, "hold");
      assert.equal(edited.holdOf(thread), "held");
      assert.equal(edited.change(thread, "hold"), "nothing to do");
      const before = view.thread(victim).cpuTimeNs;
      view.host.advance(5 * secondNs);
      assert.equal(view.thread(victim).cpuTimeNs, before);
      edited.changeSoon(thread, "release");
      assert.equal(edited.holdOf(thread), "none");
      assert.equal(edited.change(thread, "release"), "not ours");
      view.host.advance(3 * secondNs);
      assert.ok(view.thread(victim).cpuTimeNs - before > 0.5 * secondNs);
      assertSound(edited);
    });

    it(`${build}: that wait are met ready when they have been woken`, async () => {
      using edited = await machine(build, [victim, "burn.exe"], 1, {
        kind: "sleepy",
        periodMs: 30,
        workUs: 9000,
      });
      const thread = edited.view.thread(victim);
      const met = new Set<string>();
      assert.ok(
        edited.view.advanceUntil(() => {
          met.add(edited.change(thread, "hold"));
          return edited.holdOf(thread) === "held";
        }),
      );
      assert.ok(met.has("asleep"));
      const { cpuTimeNs } = edited.view.thread(victim);
      edited.view.host.advance(secondNs);
      assert.equal(edited.view.thread(victim).cpuTimeNs, cpuTimeNs);
      assertSound(edited);
    });

    it(`${build}: that run are ready at the next clock tick where another can run, and parked then`, async () => {
      using edited = await machine(build);
      const { view } = edited;
      const thread = view.thread(victim);
      const begins = (): boolean => {
        const { state, cpuTimeNs } = view.thread(victim);
        const [cpu] = view.guest.kernel.cpus;
        return state === "Running" && cpuTimeNs > 0 && cpu !== undefined && cpu.nextTickNs - cpu.nowNs > msNs;
      };
      assert.ok(view.advanceUntil(begins));
      assert.equal(edited.change(thread, "hold"), "committed");
      assert.equal(edited.holdOf(thread), "none");
      assert.equal(edited.change(thread, "hold"), "running", "there is nothing more to do");
      view.host.advance(17 * msNs);
      assert.equal(view.thread(victim).state, "Ready");
      edited.changeSoon(thread, "hold");
      assert.equal(edited.holdOf(thread), "held");
      assertSound(edited);
    });

    it(`${build}: that somebody in the guest lets go are not held any more, and can be held again`, async () => {
      using edited = await machine(build);
      const { view } = edited;
      const thread = view.thread(victim);
      edited.changeSoon(thread, "hold");
      view.guest.request(thread.tid, { kind: "attach" });
      assert.ok(view.advanceUntil(() => edited.holdOf(thread) === "none"));
      edited.changeSoon(thread, "hold");
      assert.equal(edited.holdOf(thread), "held");
      assertSound(edited);
    });

    it(`${build}: that are told to end are let go for it, held or wished to be held`, async () => {
      using edited = await machine(build);
      const { view } = edited;
      const thread = view.thread(victim);
      edited.changeSoon(thread, "hold");
      view.guest.request(thread.tid, { kind: "terminate" });
      assert.ok(view.advanceUntil(() => edited.holdOf(thread) === "releasing"));
      assert.ok(
        view.advanceUntil(() => edited.change(thread, "hold") === "committed"),
        "the hold is a release",
      );
      assert.ok(view.advanceUntil(() => view.threadsOf(victim).length === 0));
      assertSound(edited);
    });

    it(`${build}: that another scheduler has left parked are held, and can be released`, async () => {
      using edited = await machine(build);
      const { view } = edited;
      const thread = view.thread(victim);
      assert.ok(
        view.advanceUntil(
          () => edited.plan(thread, "hold") === "planned" && view.thread(victim).state === "Ready",
        ),
      );
      view.edit((edit) => {
        park(edit, thread.address);
      });
      const successor = await EditedMachine.of(view);
      assert.equal(successor.holdOf(thread), "held");
      successor.changeSoon(thread, "release");
      const before = view.thread(victim).cpuTimeNs;
      assert.ok(view.advanceUntil(() => view.thread(victim).cpuTimeNs > before));
      assertSound(edited);
    });

    it(`${build}: that are swapped out with their process are Windows's own, not held`, async () => {
      using edited = await machine(build);
      const { view } = edited;
      const thread = view.thread(victim);
      edited.changeSoon(thread, "hold");
      view.edit((edit) => {
        const process = edit.pointer(thread.address, view.layout.thread.Process);
        const at = view.layout.process.State;
        edit.w8(process, at, edit.u8(process, at) | 1);
      });
      assert.equal(edited.holdOf(thread), "none");
      assert.equal(edited.change(thread, "release"), "not ours");
    });

    it(`${build}: that are released while a processor idles are on it at once`, async () => {
      using edited = await machine(build, [victim, "burn.exe", "other.exe"], 2);
      const { view } = edited;
      const thread = view.thread(victim);
      edited.changeSoon(thread, "hold");
      for (const name of ["burn.exe", "other.exe"])
        view.guest.request(view.thread(name).tid, { kind: "terminate" });
      view.host.advance(secondNs);
      assert.equal(view.threadsOf("burn.exe").length, 0);
      // Just after a clock tick: the next would wake the processor, too.
      const [cpu] = view.guest.kernel.cpus;
      assert.ok(view.advanceUntil(() => cpu !== undefined && cpu.nextTickNs - cpu.nowNs > 12 * msNs));
      assert.equal(edited.change(thread, "release"), "committed");
      view.host.advance(msNs);
      assert.equal(view.thread(victim).state, "Running");
      assertSound(edited);
    });

    it(`${build}: go where their affinity lets them when they are released`, async () => {
      using edited = await machine(build, [victim, "burn.exe", "other.exe", "more.exe"], 2);
      const { view } = edited;
      const thread = view.thread(victim);
      edited.changeSoon(thread, "hold");
      const elsewhere = 1 - view.thread(victim).nextProcessor;
      view.edit((edit) => {
        edit.wPointer(thread.address, view.layout.thread.Affinity, 1 << elsewhere);
      });
      edited.changeSoon(thread, "release");
      assert.equal(view.thread(victim).nextProcessor, elsewhere);
      const before = view.thread(victim).cpuTimeNs;
      assert.ok(view.advanceUntil(() => view.thread(victim).cpuTimeNs > before));
      assertSound(edited);
    });

    it(`${build}: get another priority where they are: in a ready list, parked, running, asleep`, async () => {
      using edited = await machine(build, [victim, "burn.exe", "other.exe"]);
      const { view } = edited;
      const thread = view.thread(victim);
      const isIn = (wanted: string) => () => view.thread(victim).state === wanted;
      assert.ok(view.advanceUntil(isIn("Ready")));
      edited.changeSoon(thread, 5);
      assert.deepEqual([view.thread(victim).basePriority, view.thread(victim).priority], [5, 5]);
      assert.equal(edited.change(thread, 5), "nothing to do");
      assertSound(edited);
      const before = view.thread(victim).cpuTimeNs;
      view.host.advance(secondNs);
      assert.equal(view.thread(victim).cpuTimeNs, before, "the others come first");
      edited.changeSoon(thread, 12);
      view.host.advance(secondNs);
      assert.ok(view.thread(victim).cpuTimeNs - before > 0.9 * secondNs, "it comes before the others");
      assert.equal(view.thread(victim).state, "Running");
      edited.changeSoon(thread, 8);
      edited.changeSoon(thread, "hold");
      edited.changeSoon(thread, 3);
      assert.equal(edited.holdOf(thread), "held");
      edited.changeSoon(thread, "release");
      assert.equal(view.thread(victim).priority, 3);
      assertSound(edited);
    });
  }
});
