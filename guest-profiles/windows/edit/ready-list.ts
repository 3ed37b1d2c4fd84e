import { vaOffset, type EditTransaction, type GuestVa, type NotNow } from "vmmsched/plugin-api";
import { readyQueueFault } from "../ready-lists/check-ready-queue.js";
import { readyListHead } from "../ready-lists/ready-queue.js";
import { processorOf, type Dispatcher, type Processor } from "./dispatcher.js";
import { isAlone } from "./list-edit.js";
import { isLocked } from "./safe-moment.js";
import { expectWord } from "./word-edit.js";

/** WaitListEntry: what links a thread into ready lists, whichever. */
export function entryOf({ layout }: Dispatcher, thread: GuestVa): GuestVa {
  return vaOffset(thread, layout.KTHREAD.WaitListEntry);
}

/** Head of the ready list of `priority` of a processor. */
export function listOf({ queue }: Processor, priority: number): GuestVa {
  return readyListHead(queue, priority);
}

/**
 * The processor in whose ready lists a thread is, after a look at all of them: where anything contradicts anything, nothing
 * is edited. Stages what the edit depends on.
 */
export function readyProcessor(d: Dispatcher, thread: GuestVa, edit: EditTransaction): Processor | NotNow {
  const { space, layout } = d;
  const refusal = refuseUnsettled(d, thread, edit);
  if (refusal !== undefined) return refusal;
  const processor = processorOf(d, thread);
  if (processor === undefined) return "queue inconsistent";
  if (readyQueueFault(space, layout, processor.queue, thread) !== undefined) return "queue inconsistent";
  expectWord(space, edit, thread, layout.KTHREAD.NextProcessor);
  return processor;
}

/** What forbids editing this thread now: somebody has its lock, or a processor is about to leave it. */
export function refuseUnsettled(d: Dispatcher, thread: GuestVa, edit: EditTransaction): NotNow | undefined {
  if (isLocked(d, edit, thread, d.layout.KTHREAD.ThreadLock)) return "lock held";
  if (d.space.u8(thread, d.onProcessor) !== 0) return "migrating";
  expectWord(d.space, edit, thread, d.onProcessor);
  return undefined;
}

/** ReadySummary after `thread` has left the list of `from`, if it is there, and another has come to that of `to`. -1: none. */
export function stageSummary(
  d: Dispatcher,
  edit: EditTransaction,
  { prcb, queue }: Processor,
  thread: GuestVa,
  from: number,
  to: number,
): void {
  const before = d.space.u32(prcb, queue.summary);
  const left = from >= 0 && isAlone(d.space, entryOf(d, thread)) ? before & ~(1 << from) : before;
  const after = (to >= 0 ? left | (1 << to) : left) >>> 0;
  edit.expect32(prcb, queue.summary, before);
  if (after !== before) edit.write32(prcb, queue.summary, after);
}
