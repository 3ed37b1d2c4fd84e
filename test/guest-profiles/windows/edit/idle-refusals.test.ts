import assert from "node:assert/strict";
import { homeOf, idleThreadOf } from "../../../native/simulated/windows/ready-lists.js";
import type { RawEdit } from "../../../native/simulated/windows/windows-view.js";
import { machine, victim } from "./burning-machine.js";
import { editable } from "./campaign.js";

type Harm = (edit: RawEdit, idle: number, prcb: number) => void;

/** What keeps the idle thread from being the next of the victim's processor. */
const refusals: readonly (readonly [what: string, said: string, harm: Harm])[] = [
  [
    "an idle thread that is none",
    "queue inconsistent",
    (edit, idle) => {
      edit.w8(idle, 0, 3);
    },
  ],
  [
    "an idle thread in user space",
    "queue inconsistent",
    (edit, _idle, prcb) => {
      edit.wPointer(prcb, edit.view.layout.prcb.IdleThread, 0x7ff600001000);
    },
  ],
  [
    "an idle thread with a priority",
    "queue inconsistent",
    (edit, idle) => {
      edit.w8(idle, edit.view.layout.thread.Priority, 1);
    },
  ],
  [
    "another processor's idle thread",
    "queue inconsistent",
    (edit, idle, prcb) => {
      const other = edit.view.guest.kernel.cpus.find((cpu) => cpu.idle !== idle);
      edit.wPointer(prcb, edit.view.layout.prcb.IdleThread, other?.idle ?? 0);
    },
  ],
  [
    "an idle thread that other processors may run",
    "not by this method",
    (edit, idle) => {
      edit.w32(idle, edit.view.layout.thread.Affinity, 3);
    },
  ],
  [
    "an idle thread that somebody has locked",
    "lock held",
    (edit, idle) => {
      edit.w32(idle, edit.view.layout.thread.ThreadLock, 1);
    },
  ],
  [
    "an idle thread that a processor has not saved yet",
    "migrating",
    (edit, idle) => {
      edit.w8(idle, edit.view.layout.thread.Running, 1);
    },
  ],
  [
    "an idle thread that waits",
    "wake-up under way",
    (edit, idle) => {
      edit.w8(idle, edit.view.layout.thread.State, 5);
    },
  ],
  [
    "an idle thread that is ready and in no list",
    "queue inconsistent",
    (edit, idle) => {
      edit.w8(idle, edit.view.layout.thread.State, 1);
    },
  ],
  [
    "a PrcbLock that is held",
    "lock held",
    (edit, _idle, prcb) => {
      edit.w32(prcb, edit.view.layout.prcb.PrcbLock, 1);
    },
  ],
  [
    "a thread that is to come next already",
    "running",
    (edit, idle, prcb) => {
      edit.wPointer(prcb, edit.view.layout.prcb.NextThread, idle);
    },
  ],
];

describe("what forbids that a thread of a simulated Windows leaves for the idle thread", function () {
  this.timeout(60_000);
  for (const build of editable)
    for (const [what, said, harm] of refusals)
      it(`${build}: ${what}: ${said}, and nothing is written`, async () => {
        using edited = await machine(build, [victim], 2);
        const { view } = edited;
        const runs = () =>
          view.thread(victim).state === "Running" && edited.plan(view.thread(victim), "hold") === "planned";
        assert.ok(view.advanceUntil(runs));
        const thread = view.thread(victim);
        view.edit((edit) => {
          harm(edit, idleThreadOf(edit, thread.address), homeOf(edit, thread.address));
        });
        const { bytes } = view.guest.kernel.memory.ram;
        const before = Buffer.from(bytes);
        assert.equal(edited.change(thread, "hold"), said);
        assert.equal(before.compare(bytes), 0);
      });
});
