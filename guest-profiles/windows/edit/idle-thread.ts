import { isKernelObject, type EditTransaction, type GuestVa, type NotNow } from "vmmsched/plugin-api";
import { ThreadObject, ThreadState, typeMask } from "../constants.js";
import { readyQueueFault } from "../ready-lists/check-ready-queue.js";
import { processorOf, type Dispatcher, type Processor } from "./dispatcher.js";
import { stageUnlink } from "./list-edit.js";
import { entryOf, refuseUnsettled, stageSummary } from "./ready-list.js";
import { safeMoment } from "./safe-moment.js";
import { expectWord, stageByte } from "./word-edit.js";

/**
 * Stages that a processor's idle thread is the next that it runs, as KeSetSystemAffinityThread and KeRevertToUserAffinityThread
 * leave it where nothing else is ready: on standby. Who runs there becomes ready at the next dispatch interrupt that switches.
 *
 * Two things are otherwise than KiSelectNextThread has them. IdleSchedule stays clear: told to look, the idle thread would take
 * the one that has just left. KiIdleSummary is not written, for which a layout would need its symbol; so who wakes a thread for
 * this processor before the switch treats the idle thread like any other: it goes to ready list 0. From there it is taken back.
 */
export function stageIdleNext(
  d: Dispatcher,
  processor: Processor,
  edit: EditTransaction,
): NotNow | undefined {
  const { space, layout } = d;
  const { KPRCB, KTHREAD } = layout;
  const { prcb } = processor;
  const idle = space.pointer(prcb, KPRCB.IdleThread);
  const refusal = safeMoment(d, edit) ?? refuseIdleThread(d, processor, idle, edit);
  if (refusal !== undefined) return refusal;
  edit.expectPointer(prcb, KPRCB.IdleThread, idle);
  stageNextThread(d, prcb, edit, idle);
  stageByte(space, edit, idle, KTHREAD.State, ThreadState.Standby);
  stageByte(space, edit, prcb, d.idleSchedule, 0);
  return undefined;
}

/** Is it a thread that runs, and that the idle thread is to follow? Its hold is under way then. */
export function isLeaving(d: Dispatcher, thread: GuestVa): boolean {
  const { space, layout } = d;
  const { CurrentThread, NextThread, IdleThread } = layout.KPRCB;
  if (space.u8(thread, layout.KTHREAD.State) !== ThreadState.Running) return false;
  const processor = processorOf(d, thread);
  if (processor === undefined) return false;
  const { prcb } = processor;
  return (
    space.pointsTo(prcb, CurrentThread, thread) &&
    space.pointsTo(prcb, NextThread, space.pointer(prcb, IdleThread))
  );
}

/** Stages that a thread that is leaving stays: its processor has no next thread, as before. */
export function planStay(d: Dispatcher, thread: GuestVa, edit: EditTransaction): "planned" | NotNow {
  const { space, layout } = d;
  const { CurrentThread, IdleThread } = layout.KPRCB;
  const processor = processorOf(d, thread);
  if (processor === undefined) return "not ours";
  const refusal = safeMoment(d, edit);
  if (refusal !== undefined) return refusal;
  const { prcb } = processor;
  edit.expectPointer(prcb, CurrentThread, thread);
  stageNextThread(d, prcb, edit, 0 as GuestVa);
  stageByte(space, edit, space.pointer(prcb, IdleThread), layout.KTHREAD.State, ThreadState.Running);
  return "planned";
}

/** An idle thread of priority 0 that may run here and nowhere else, and that no processor is busy with. */
function refuseIdleThread(
  d: Dispatcher,
  processor: Processor,
  idle: GuestVa,
  edit: EditTransaction,
): NotNow | undefined {
  const { space, layout } = d;
  const { KTHREAD, DISPATCHER_HEADER } = layout;
  const { queue, number } = processor;
  const isThread =
    isKernelObject(idle) && (space.u8(idle, DISPATCHER_HEADER.Type) & typeMask) === ThreadObject;
  if (!isThread || space.u8(idle, KTHREAD.Priority) !== 0 || processorOf(d, idle) !== processor)
    return "queue inconsistent";
  if (!isBoundTo(d, idle, number)) return "not by this method";
  const unsettled = refuseUnsettled(d, idle, edit);
  if (unsettled !== undefined) return unsettled;
  expectWord(space, edit, idle, KTHREAD.Priority);
  switch (space.u8(idle, KTHREAD.State)) {
    case ThreadState.Running:
    case ThreadState.Standby:
      return undefined;
    case ThreadState.Ready:
      if (readyQueueFault(space, layout, queue, idle) !== undefined) return "queue inconsistent";
      stageSummary(d, edit, processor, idle, 0, -1);
      return stageUnlink(space, edit, entryOf(d, idle)) ? undefined : "queue inconsistent";
    default:
      return "wake-up under way";
  }
}

function isBoundTo({ space, layout }: Dispatcher, thread: GuestVa, number: number): boolean {
  const { Affinity } = layout.KTHREAD;
  const bit = (1 << (number & 31)) >>> 0;
  const low = space.u32(thread, Affinity);
  const high = space.u32(thread, Affinity + 4);
  return number < 32 ? low === bit && high === 0 : low === 0 && high === bit;
}

function stageNextThread(
  { space, layout }: Dispatcher,
  prcb: GuestVa,
  edit: EditTransaction,
  next: GuestVa,
): void {
  const { NextThread } = layout.KPRCB;
  edit.expectPointer(prcb, NextThread, space.pointer(prcb, NextThread)).writePointer(prcb, NextThread, next);
}
