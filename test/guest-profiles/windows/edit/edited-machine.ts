import assert from "node:assert/strict";
import type { NotNow, TaskChange } from "../../../../core/guest-profile.js";
import type { Domain } from "../../../../core/hypervisor.js";
import type { GuestVa } from "../../../../core/memory/address.js";
import { EditTransaction, type EditOutcome } from "../../../../core/memory/edit-transaction.js";
import { holdStates } from "../../../../core/snapshot/task-columns.js";
import type { WindowsThread } from "../../../../native/simulated/index.js";
import { Clocks } from "../../../../guest-profiles/windows/clocks.js";
import { identify, type IdentifiedKernel } from "../../../../guest-profiles/windows/identify/identify.js";
import { windowsEdits, type WindowsEdits } from "../../../../guest-profiles/windows/windows-edits.js";
import { type WindowsView } from "../../../native/simulated/windows/windows-view.js";
import { shippedLayouts } from "../shipped.js";

type Wanted = "hold" | "release" | number;

/** A domain whose driver cannot raise interrupts in it. */
function mute(domain: Domain): Domain {
  const { info, memory } = domain;
  return {
    info,
    memory,
    vcpus: () => domain.vcpus(),
    pause: () => domain.pause(),
    share: () => undefined,
    setShare: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}

/** A simulated Windows and what the profile does to it, as the cycle has it done. */
export class EditedMachine implements Disposable {
  readonly #edit = new EditTransaction();
  readonly #clocks: Clocks;

  private constructor(
    readonly view: WindowsView,
    readonly kernel: IdentifiedKernel,
    readonly edits: WindowsEdits,
  ) {
    this.#clocks = new Clocks(kernel);
  }

  /** `interrupts`: the driver can raise interrupts in the guest. */
  static async of(view: WindowsView, interrupts = true): Promise<EditedMachine> {
    const kernel = await identify(view.domain, shippedLayouts);
    assert.ok(kernel !== undefined);
    const edits = windowsEdits(kernel, interrupts ? view.domain : mute(view.domain));
    if (typeof edits === "string") assert.fail(edits);
    return new EditedMachine(view, kernel, edits);
  }

  /** A number is a base priority. */
  changeOf(thread: WindowsThread, wanted: Wanted): TaskChange {
    const { space, layout } = this.kernel;
    const address = thread.address as GuestVa;
    const task = {
      address,
      id: thread.tid,
      startTimeNs: this.#clocks.timeNs(space, address, layout.ETHREAD.CreateTime),
    };
    return typeof wanted === "number"
      ? { kind: "priority", priority: wanted, ...task }
      : { kind: wanted, ...task };
  }

  /** Plans on the running guest, pauses, plans again, commits, resumes. */
  change(thread: WindowsThread, wanted: Wanted): EditOutcome | NotNow {
    const change = this.changeOf(thread, wanted);
    const edit = this.#edit;
    const first = this.edits.plan(change, edit);
    if (first !== "planned") return first;
    edit.prepareWrites(this.view.domain);
    using paused = this.view.domain.pause();
    const second = this.edits.plan(change, edit);
    return second === "planned" ? edit.commit(paused) : second;
  }

  /** Is there something to do, as far as the running guest shows? */
  plan(thread: WindowsThread, wanted: Wanted): "planned" | NotNow {
    return this.edits.plan(this.changeOf(thread, wanted), new EditTransaction());
  }

  /** Tries until it is done: one that runs leaves its processor first. */
  changeSoon(thread: WindowsThread, wanted: Wanted): void {
    let said = "";
    const done = this.view.advanceUntil(() => {
      said = this.change(thread, wanted);
      if (wanted === "release" && this.holdOf(thread) === "none") return true;
      return said === "committed" && (wanted !== "hold" || this.holdOf(thread) === "held");
    });
    assert.ok(done, `${wanted} of ${thread.tid}: ${said}`);
  }

  holdOf(thread: WindowsThread): string | undefined {
    this.kernel.space.flush();
    return holdStates[this.edits.observe(thread.address as GuestVa)];
  }

  [Symbol.dispose](): void {
    this.view[Symbol.dispose]();
  }
}
