import type { EditTransaction, GuestVa, NotNow, PriorityChange } from "vmmsched/plugin-api";
import { ThreadState } from "../constants.js";
import { isDynamicPriority } from "./base-priority.js";
import type { Dispatcher } from "./dispatcher.js";
import { stageInsertTail, stageUnlink } from "./list-edit.js";
import { isParked } from "./parked.js";
import { entryOf, listOf, readyProcessor, refuseUnsettled, stageSummary } from "./ready-list.js";
import { isLocked, safeMoment } from "./safe-moment.js";
import { isExiting, refuseStranger, refuseUntouchable } from "./thread-guards.js";
import { stageByte, stageTwoBytes } from "./word-edit.js";

/** States in which a thread is in no list of its priority: KiSetPriorityThread, too, only writes it. */
const unlisted: ReadonlySet<number> = new Set([
  ThreadState.Running,
  ThreadState.Waiting,
  ThreadState.Transition,
  ThreadState.GateWait,
]);

/**
 * Stages another base priority, as KeSetPriorityThread leaves it: Priority is the same, nothing of a boost is left to decay,
 * and a ready thread is last in the list of its new priority. Real-time priorities are not touched.
 */
export function planPriority(
  d: Dispatcher,
  change: PriorityChange,
  edit: EditTransaction,
): "planned" | NotNow {
  const { space, layout } = d;
  const { BasePriority, PriorityDecrement, Priority, State } = layout.KTHREAD;
  const thread = change.address;
  const refusal = refuseStranger(d, change, edit) ?? refuseUntouchable(d, thread);
  if (refusal !== undefined) return refusal;
  if (isExiting(d, thread)) return "exiting";
  const base = space.u8(thread, BasePriority);
  const present = space.u8(thread, Priority);
  if (base === change.priority) return "nothing to do";
  if (!isDynamicPriority(change.priority) || !isDynamicPriority(base) || !isDynamicPriority(present))
    return "untouchable";
  const state = space.u8(thread, State);
  const isReady = state === ThreadState.Ready && !isParked(d, thread);
  if (!isReady && state !== ThreadState.Ready && !unlisted.has(state)) return "wake-up under way";
  const notNow =
    safeMoment(d, edit) ??
    (isReady ? moveReady(d, thread, present, change.priority, edit) : refuseUnlisted(d, thread, state, edit));
  if (notNow !== undefined) return notNow;
  stageByte(space, edit, thread, Priority, change.priority);
  stageTwoBytes(space, edit, thread, BasePriority, change.priority, PriorityDecrement, 0);
  return "planned";
}

/** A running thread is marked as being on its processor; any other that is would be about to leave it. */
function refuseUnlisted(
  d: Dispatcher,
  thread: GuestVa,
  state: number,
  edit: EditTransaction,
): NotNow | undefined {
  if (state !== ThreadState.Running) return refuseUnsettled(d, thread, edit);
  return isLocked(d, edit, thread, d.layout.KTHREAD.ThreadLock) ? "lock held" : undefined;
}

function moveReady(
  d: Dispatcher,
  thread: GuestVa,
  from: number,
  to: number,
  edit: EditTransaction,
): NotNow | undefined {
  const processor = readyProcessor(d, thread, edit);
  if (typeof processor === "string") return processor;
  if (from === to) return undefined;
  const entry = entryOf(d, thread);
  stageSummary(d, edit, processor, thread, from, to);
  if (!stageUnlink(d.space, edit, entry)) return "queue inconsistent";
  return stageInsertTail(d.space, edit, listOf(processor, to), entry) ? undefined : "queue inconsistent";
}
