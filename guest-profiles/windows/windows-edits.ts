import {
  holdStates,
  isVmmschedError,
  type Domain,
  type EditTransaction,
  type GuestVa,
  type NotNow,
  type TaskChange,
} from "vmmsched/plugin-api";
import { resolveDispatcher, type Dispatcher } from "./edit/dispatcher.js";
import { planHold } from "./edit/hold.js";
import { isLeaving } from "./edit/idle-thread.js";
import { isParked } from "./edit/parked.js";
import { planPriority } from "./edit/priority.js";
import { planRelease } from "./edit/release.js";
import { isStranded } from "./edit/stranded.js";
import { mustRun } from "./edit/thread-guards.js";
import type { IdentifiedKernel } from "./identify/identify.js";

const code = {
  none: holdStates.indexOf("none"),
  holding: holdStates.indexOf("holding"),
  held: holdStates.indexOf("held"),
  releasing: holdStates.indexOf("releasing"),
};

/** How threads of one guest are held, released and given priorities. */
export interface WindowsEdits {
  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow;
  /** Code of the thread's row in the snapshot's `hold` column. */
  observe(thread: GuestVa): number;
}

/** What can be edited in a guest: threads of Vista and 7. In words why nothing can in this one. */
export function windowsEdits(found: IdentifiedKernel, domain: Domain): WindowsEdits | string {
  const dispatcher = resolveDispatcher(found, domain);
  return typeof dispatcher === "string" ? dispatcher : new DispatcherEdits(dispatcher);
}

/** Which threads are held stands in the guest alone: those that a scheduler before this one parked are held as well. */
class DispatcherEdits implements WindowsEdits {
  constructor(private readonly dispatcher: Dispatcher) {}

  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    const { space } = this.dispatcher;
    space.flush();
    edit.begin(space);
    try {
      return planChange(this.dispatcher, change, edit);
    } catch (error) {
      if (
        isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") ||
        isVmmschedError(error, "ERR_FRAME_UNREADABLE")
      )
        return "unreadable";
      throw error;
    }
  }

  observe(thread: GuestVa): number {
    const d = this.dispatcher;
    // A hold of it is its release by now.
    if (isParked(d, thread)) return mustRun(d, thread) ? code.releasing : code.held;
    if (isLeaving(d, thread)) return code.holding;
    // It needs another edit, whatever is wished: to be parked, or to run.
    return isStranded(d, thread) ? code.releasing : code.none;
  }
}

function planChange(d: Dispatcher, change: TaskChange, edit: EditTransaction): "planned" | NotNow {
  switch (change.kind) {
    case "hold":
      return planHold(d, change, edit);
    case "release":
      return planRelease(d, change, edit);
    case "priority":
      return planPriority(d, change, edit);
  }
}
