import { vaOffset, type EditTransaction, type GuestVa, type NotNow } from "vmmsched/plugin-api";
import { DPC_VECTOR, ThreadState } from "../constants.js";
import { isIdle, processorOf, type Dispatcher, type Processor } from "./dispatcher.js";
import { isParked } from "./parked.js";
import { listOf } from "./ready-list.js";
import { safeMoment } from "./safe-moment.js";
import { stageByte } from "./word-edit.js";

/**
 * Is it the thread that a processor would run next, if that did not idle without having been told to look? Windows leaves no
 * thread so; one that had to make room for the idle thread is, until it is parked or its processor is told to look. What
 * stands in the guest is read while that runs: a thread that is ready no more in the end is none.
 */
export function isStranded(d: Dispatcher, thread: GuestVa): boolean {
  if (!isReady(d, thread)) return false;
  const processor = processorOf(d, thread);
  return (
    processor !== undefined &&
    isIdle(d, processor) &&
    d.space.u8(processor.prcb, d.idleSchedule) === 0 &&
    isFirst(d, processor, thread) &&
    isReady(d, thread)
  );
}

/** Stages that the processor of a stranded thread takes it. */
export function planRescue(d: Dispatcher, thread: GuestVa, edit: EditTransaction): "planned" | NotNow {
  const processor = processorOf(d, thread);
  if (processor === undefined) return "queue inconsistent";
  const refusal = safeMoment(d, edit);
  if (refusal !== undefined) return refusal;
  stageLook(d, processor, edit, true);
  return "planned";
}

/**
 * Stages that an idle processor looks at the ready lists (IdleSchedule), which it does at its next interrupt. `soon`: it gets
 * one now, where the driver can raise it.
 */
export function stageLook(
  d: Dispatcher,
  { prcb, apicId }: Processor,
  edit: EditTransaction,
  soon: boolean,
): void {
  stageByte(d.space, edit, prcb, d.idleSchedule, 1);
  if (soon) interruptSoon(d, apicId, edit);
}

/** Has the processor take a dispatch interrupt after the edit, where the driver can raise it. */
export function interruptSoon({ domain }: Dispatcher, apicId: number, edit: EditTransaction): void {
  if (domain.canInterrupt === true && apicId >= 0) edit.interrupt(apicId, DPC_VECTOR);
}

function isReady(d: Dispatcher, thread: GuestVa): boolean {
  return d.space.u8(thread, d.layout.KTHREAD.State) === ThreadState.Ready && !isParked(d, thread);
}

/** The first in the highest list that has any. */
function isFirst({ space, layout }: Dispatcher, processor: Processor, thread: GuestVa): boolean {
  const { queue, prcb } = processor;
  const highest = 31 - Math.clz32(space.u32(prcb, queue.summary));
  if (highest < 0) return false;
  return space.pointsTo(listOf(processor, highest), 0, vaOffset(thread, layout.KTHREAD.WaitListEntry));
}
