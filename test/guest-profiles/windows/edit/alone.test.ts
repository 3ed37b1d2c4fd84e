import assert from "node:assert/strict";
import { msNs, secondNs } from "../../../native/simulated/windows/windows-view.js";
import { machine, victim } from "./burning-machine.js";
import { editable } from "./campaign.js";
import type { EditedMachine } from "./edited-machine.js";

/** A burner that has all processors but its own idle, and who gets at most a clock tick to leave it. */
function alone(build: (typeof editable)[number], interrupts = false): Promise<EditedMachine> {
  return machine(build, [victim], 2, undefined, interrupts);
}

function assertSound({ view }: EditedMachine): void {
  assert.deepEqual(view.guest.check(), []);
  assert.deepEqual(view.guest.console.complaints, []);
}

/** Lets the guest run to just after a clock tick of the processor that the victim runs on. */
function toTick({ view }: EditedMachine): void {
  const begins = () => {
    const cpu = view.guest.kernel.cpus[view.thread(victim).nextProcessor];
    return cpu !== undefined && cpu.nextTickNs - cpu.nowNs > 13 * msNs;
  };
  assert.ok(view.advanceUntil(() => view.thread(victim).state === "Running" && begins()));
}

/** KPRCB of the processor that the victim runs on or is bound for. */
function prcb({ view }: EditedMachine): number {
  return view.guest.kernel.cpus[view.thread(victim).nextProcessor]?.prcb ?? 0;
}

function pointerIn(edited: EditedMachine, member: "NextThread" | "IdleThread"): number {
  const { view } = edited;
  return view.guest.kernel.memory.s64(prcb(edited), view.layout.prcb[member]);
}

/** The victim has had to leave, and nobody has parked it yet. A processor that had something else to run may take it before. */
async function stranded(build: (typeof editable)[number]): Promise<EditedMachine> {
  const edited = await alone(build);
  const thread = edited.view.thread(victim);
  const leaves = () => {
    if (edited.holdOf(thread) === "none") {
      toTick(edited);
      assert.equal(edited.change(thread, "hold"), "committed");
    }
    return edited.holdOf(thread) === "releasing";
  };
  assert.ok(edited.view.advanceUntil(leaves));
  assert.equal(edited.view.thread(victim).state, "Ready");
  return edited;
}

describe("threads of a simulated Windows that run alone on their processor", function () {
  this.timeout(60_000);
  for (const build of editable) {
    for (const interrupts of [true, false])
      it(`${build}: are held, and run again when they are released (interrupts: ${interrupts})`, async () => {
        using edited = await alone(build, interrupts);
        const { view } = edited;
        const thread = view.thread(victim);
        edited.changeSoon(thread, "hold");
        const { cpuTimeNs } = view.thread(victim);
        view.host.advance(5 * secondNs);
        assert.equal(view.thread(victim).cpuTimeNs, cpuTimeNs);
        assert.equal(edited.change(thread, "hold"), "nothing to do");
        edited.changeSoon(thread, "release");
        view.host.advance(secondNs);
        assert.ok(view.thread(victim).cpuTimeNs - cpuTimeNs > 0.9 * secondNs);
        assertSound(edited);
      });

    it(`${build}: are to leave for the idle thread, and until they do there is nothing more to do`, async () => {
      using edited = await alone(build);
      const thread = edited.view.thread(victim);
      toTick(edited);
      assert.equal(edited.change(thread, "hold"), "committed");
      assert.equal(pointerIn(edited, "NextThread"), pointerIn(edited, "IdleThread"));
      assert.equal(edited.holdOf(thread), "holding");
      assert.equal(edited.change(thread, "hold"), "running");
      assertSound(edited);
    });

    it(`${build}: leave at once where the driver can interrupt, and are parked in the same tick`, async () => {
      using edited = await alone(build, true);
      const thread = edited.view.thread(victim);
      toTick(edited);
      assert.equal(edited.change(thread, "hold"), "committed");
      assert.equal(edited.holdOf(thread), "releasing");
      assert.equal(edited.change(thread, "hold"), "committed");
      assert.equal(edited.holdOf(thread), "held");
      assertSound(edited);
    });

    it(`${build}: stay where they are when the hold is given up before that`, async () => {
      using edited = await alone(build);
      const { view } = edited;
      const thread = view.thread(victim);
      toTick(edited);
      edited.change(thread, "hold");
      assert.equal(edited.change(thread, "release"), "committed");
      assert.equal(pointerIn(edited, "NextThread"), 0);
      assert.equal(edited.holdOf(thread), "none");
      const { cpuTimeNs, contextSwitches } = view.thread(victim);
      view.host.advance(secondNs);
      assert.ok(view.thread(victim).cpuTimeNs - cpuTimeNs > 0.9 * secondNs);
      assert.ok(view.thread(victim).contextSwitches - contextSwitches < 50);
      assertSound(edited);
    });

    it(`${build}: are taken by their processor again when the hold is given up after that`, async () => {
      using edited = await stranded(build);
      const { view } = edited;
      const thread = view.thread(victim);
      assert.equal(edited.change(thread, "release"), "committed");
      assert.ok(view.advanceUntil(() => view.thread(victim).state === "Running", 20 * msNs));
      assert.equal(edited.holdOf(thread), "none");
      assert.equal(edited.change(thread, "release"), "not ours");
      assertSound(edited);
    });

    it(`${build}: run again by themselves within seconds where nobody comes to park them`, async () => {
      using edited = await stranded(build);
      const { view } = edited;
      const { cpuTimeNs } = view.thread(victim);
      assert.ok(view.advanceUntil(() => view.thread(victim).cpuTimeNs > cpuTimeNs, 10 * secondNs));
      assertSound(edited);
    });

    it(`${build}: are let go where they cannot be parked: they may own a lock`, async () => {
      using edited = await stranded(build);
      const { view } = edited;
      const thread = view.thread(victim);
      view.edit((edit) => {
        edit.w32(thread.address, view.layout.thread.KernelApcDisable, 0xffff);
      });
      assert.equal(edited.change(thread, "hold"), "committed");
      assert.equal(edited.holdOf(thread), "none");
      assert.ok(view.advanceUntil(() => view.thread(victim).state === "Running", 20 * msNs));
      assertSound(edited);
    });

    it(`${build}: are held also after a thread has woken before the idle thread's turn`, async () => {
      using edited = await alone(build);
      const { view } = edited;
      const { kernel } = view.guest;
      const thread = view.thread(victim);
      const { thread: members } = view.layout;
      const idle = () => pointerIn(edited, "IdleThread");
      const isListed = () => kernel.memory.u8(idle(), members.State) === 1;
      // Work of the kernel wakes a worker of System, which this processor has to run if no other is idle.
      const met = view.advanceUntil(() => {
        if (edited.holdOf(thread) !== "none") return isListed();
        toTick(edited);
        edited.change(thread, "hold");
        kernel.memory.w32(kernel.symbol("KiIdleSummary"), 0, 0);
        view.guest.request(view.thread("svchost.exe").tid, { kind: "alert" });
        return isListed();
      });
      assert.ok(met, "the idle thread is in ready list 0");
      edited.changeSoon(thread, "hold");
      const { cpuTimeNs } = view.thread(victim);
      view.host.advance(2 * secondNs);
      assert.equal(view.thread(victim).cpuTimeNs, cpuTimeNs);
      edited.changeSoon(thread, "release");
      assertSound(edited);
    });
  }
});
