import {
  vaFromBigInt,
  type EditTransaction,
  type GuestVa,
  type HoldChange,
  type NotNow,
} from "vmmsched/plugin-api";
import { readyQueueFault } from "../ready-lists/check-ready-queue.js";
import { isIdle, processOf, processorOf, type Dispatcher, type Processor } from "./dispatcher.js";
import { isLeaving, planStay } from "./idle-thread.js";
import { stageInsertTail, stageUnlink } from "./list-edit.js";
import { isParked, isSoundList, refuseProcess } from "./parked.js";
import { entryOf, listOf, refuseUnsettled, stageSummary } from "./ready-list.js";
import { safeMoment } from "./safe-moment.js";
import { isStranded, planRescue, stageLook } from "./stranded.js";
import { refuseStranger } from "./thread-guards.js";
import { expectWord, stageBits } from "./word-edit.js";

/** KUSER_SHARED_DATA is at the same address in all builds, and its TickCount is KeTickCount. */
const sharedUserData = vaFromBigInt(0xffff_f780_0000_0000n);
/** GROUP_AFFINITY.Group, behind the mask: Vista has a mask alone. */
const Group = 8;

/**
 * Stages a release: a parked thread goes back to the ready list of a processor that it may run on. One whose hold is under way
 * stays where it runs, or is taken again by the processor that it has left.
 */
export function planRelease(d: Dispatcher, change: HoldChange, edit: EditTransaction): "planned" | NotNow {
  const refusal = refuseStranger(d, change, edit);
  if (refusal !== undefined) return refusal;
  const thread = change.address;
  if (isParked(d, thread)) return stageRelease(d, thread, edit);
  if (isLeaving(d, thread)) return planStay(d, thread, edit);
  return isStranded(d, thread) ? planRescue(d, thread, edit) : "not ours";
}

/**
 * As KiReadyThread leaves it: last in the list of its priority, waiting from now on. A processor that idles looks at its
 * lists only when it is told to (IdleSchedule), and that at its next interrupt: it gets one where the driver can raise it.
 */
export function stageRelease(d: Dispatcher, thread: GuestVa, edit: EditTransaction): "planned" | NotNow {
  const { space, layout } = d;
  const process = processOf(d, thread);
  if (process === undefined) return "gone";
  const refusal = safeMoment(d, edit) ?? refuseProcess(d, process, edit) ?? refuseUnsettled(d, thread, edit);
  if (refusal !== undefined) return refusal;
  const processor = chooseProcessor(d, thread);
  if (typeof processor === "string") return processor;
  const { queue, number } = processor;
  if (!isSoundList(d, process, thread, true) || readyQueueFault(space, layout, queue) !== undefined)
    return "queue inconsistent";
  const entry = entryOf(d, thread);
  const { KTHREAD } = layout;
  const priority = space.u8(thread, KTHREAD.Priority);
  expectWord(space, edit, thread, KTHREAD.Priority);
  if (!stageUnlink(space, edit, entry)) return "queue inconsistent";
  if (!stageInsertTail(space, edit, listOf(processor, priority), entry)) return "queue inconsistent";
  stageSummary(d, edit, processor, thread, -1, priority);
  stageBits(space, edit, thread, d.parked.word, d.parked.mask, 0);
  stageNumber(d, edit, thread, number);
  const now = space.u32(sharedUserData, layout.KUSER_SHARED_DATA.TickCount);
  edit.write32(thread, KTHREAD.WaitTime, now);
  if (isIdle(d, processor)) stageLook(d, processor, edit, true);
  return "planned";
}

/** One that idles, first of all the one that it is bound for; if none does, that one, or the first that it may run on. */
function chooseProcessor(d: Dispatcher, thread: GuestVa): Processor | NotNow {
  const { space, layout } = d;
  const { Affinity } = layout.KTHREAD;
  if (d.dispatcherLock === undefined && space.u16(thread, Affinity + Group) !== 0)
    return "not by this method";
  const home = processorOf(d, thread);
  const stays = home !== undefined && mayRun(d, thread, home);
  if (stays && isIdle(d, home)) return home;
  let first: Processor | undefined;
  for (const processor of d.processors) {
    if (!mayRun(d, thread, processor)) continue;
    if (isIdle(d, processor)) return processor;
    first ??= processor;
  }
  return (stays ? home : first) ?? "queue inconsistent";
}

function mayRun({ space, layout }: Dispatcher, thread: GuestVa, { number }: Processor): boolean {
  const word = space.u32(thread, layout.KTHREAD.Affinity + (number < 32 ? 0 : 4));
  return ((word >>> (number & 31)) & 1) === 1;
}

/** KTHREAD.NextProcessor: in Vista it shares a word with DeferredProcessor. */
function stageNumber(
  { space, layout, hasShortNumbers }: Dispatcher,
  edit: EditTransaction,
  thread: GuestVa,
  number: number,
): void {
  const at = layout.KTHREAD.NextProcessor;
  const mask = hasShortNumbers ? 0xffff << ((at & 3) * 8) : ~0;
  stageBits(space, edit, thread, at & ~3, mask, number << ((at & 3) * 8));
}
