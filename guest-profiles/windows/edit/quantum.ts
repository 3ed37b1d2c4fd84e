import type { EditTransaction, GuestVa, NotNow } from "vmmsched/plugin-api";
import { readyQueueFault } from "../ready-lists/check-ready-queue.js";
import { processorOf, type Dispatcher } from "./dispatcher.js";
import { stageIdleNext } from "./idle-thread.js";
import { isLocked } from "./safe-moment.js";
import { interruptSoon } from "./stranded.js";
import { expectWord } from "./word-edit.js";

/**
 * More cycles than the units of a quantum that a wait takes from QuantumTarget: for less CycleTime the difference, which is
 * unsigned, would be a quantum without end.
 */
const leastCycles = 2 ** 26;

/**
 * Stages that a running thread leaves its processor: its quantum is over at the next clock tick (QuantumTarget: CycleTime), and
 * another thread takes its place, or, where none of its priority is ready, the idle thread. It is ready then, and can be
 * parked. For the idle thread it leaves at once where the driver can interrupt.
 */
export function planQuantumEnd(d: Dispatcher, thread: GuestVa, edit: EditTransaction): "planned" | NotNow {
  const { space, layout } = d;
  const { KTHREAD, KPRCB } = layout;
  const processor = processorOf(d, thread);
  if (processor === undefined || !space.pointsTo(processor.prcb, KPRCB.CurrentThread, thread))
    return "wake-up under way";
  if (isLocked(d, edit, thread, KTHREAD.ThreadLock)) return "lock held";
  const { prcb, queue, apicId } = processor;
  const cycles = space.u64(thread, KTHREAD.CycleTime);
  if (space.pointer(prcb, KPRCB.NextThread) !== 0 || cycles < leastCycles || !Number.isSafeInteger(cycles))
    return "running";
  if (readyQueueFault(space, layout, queue) !== undefined) return "queue inconsistent";
  const hasRival = space.u32(prcb, queue.summary) >>> space.u8(thread, KTHREAD.Priority) !== 0;
  if (hasRival && space.u64(thread, KTHREAD.QuantumTarget) <= cycles) return "running";
  const refusal = hasRival ? undefined : stageIdleNext(d, processor, edit);
  if (refusal !== undefined) return refusal;
  if (!hasRival) interruptSoon(d, apicId, edit);
  expectWord(space, edit, thread, KTHREAD.QuantumTarget);
  expectWord(space, edit, thread, KTHREAD.QuantumTarget + 4);
  edit
    .expectPointer(prcb, KPRCB.CurrentThread, thread)
    .write32(thread, KTHREAD.QuantumTarget, space.u32(thread, KTHREAD.CycleTime))
    .write32(thread, KTHREAD.QuantumTarget + 4, space.u32(thread, KTHREAD.CycleTime + 4));
  return "planned";
}
