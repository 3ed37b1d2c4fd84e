import type { EditTransaction, GuestVa, HoldChange, NotNow } from "vmmsched/plugin-api";
import { ThreadState } from "../constants.js";
import { processOf, type Dispatcher } from "./dispatcher.js";
import { isAlone, stageInsertTail, stageUnlink } from "./list-edit.js";
import { refuseLockOwner } from "./no-locks.js";
import { isParked, isSoundList, parkingList, refuseProcess } from "./parked.js";
import { planQuantumEnd } from "./quantum.js";
import { entryOf, readyProcessor, stageSummary } from "./ready-list.js";
import { stageRelease } from "./release.js";
import { safeMoment } from "./safe-moment.js";
import { isStranded, planRescue, stageLook } from "./stranded.js";
import { isExiting, mustRun, refuseStranger, refuseUntouchable } from "./thread-guards.js";
import { stageBits } from "./word-edit.js";

/** Why a thread that is not ready cannot be parked: it is met ready later. */
const notReady: Readonly<Record<number, NotNow>> = {
  [ThreadState.Initialized]: "wake-up under way",
  [ThreadState.Standby]: "wake-up under way",
  [ThreadState.Terminated]: "exiting",
  [ThreadState.Waiting]: "asleep",
  [ThreadState.Transition]: "asleep",
  [ThreadState.DeferredReady]: "wake-up under way",
  [ThreadState.GateWait]: "asleep",
};

/**
 * Stages a hold: a ready thread moves from its processor's ready list to that of its own process, as one of a process that
 * is swapped out. Its state stays Ready, and the dispatcher does not look there. One that runs
 * has to leave its processor, and is parked when it is met ready: until then it is not held. One that is off its processor already
 * and has to run, because it is to end or may own a lock, is let go instead.
 */
export function planHold(d: Dispatcher, change: HoldChange, edit: EditTransaction): "planned" | NotNow {
  const thread = change.address;
  const refusal = refuseStranger(d, change, edit);
  if (refusal !== undefined) return refusal;
  if (isParked(d, thread)) return mustRun(d, thread) ? stageRelease(d, thread, edit) : "nothing to do";
  if (isExiting(d, thread)) return isStranded(d, thread) ? planRescue(d, thread, edit) : "exiting";
  const untouchable = refuseUntouchable(d, thread);
  if (untouchable !== undefined) return untouchable;
  const state = d.space.u8(thread, d.layout.KTHREAD.State);
  if (state === ThreadState.Ready) return park(d, thread, edit);
  if (state === ThreadState.Running) return planQuantumEnd(d, thread, edit);
  return notReady[state] ?? "queue inconsistent";
}

function park(d: Dispatcher, thread: GuestVa, edit: EditTransaction): "planned" | NotNow {
  const { space, layout } = d;
  const process = processOf(d, thread);
  if (process === undefined) return "gone";
  const mayOwnLocks = refuseLockOwner(d, thread, edit);
  const stranded = isStranded(d, thread);
  if (mayOwnLocks !== undefined) return stranded ? planRescue(d, thread, edit) : mayOwnLocks;
  const refusal = safeMoment(d, edit) ?? refuseProcess(d, process, edit);
  if (refusal !== undefined) return refusal;
  const processor = readyProcessor(d, thread, edit);
  if (typeof processor === "string") return processor;
  if (!isSoundList(d, process, thread, false)) return "queue inconsistent";
  const entry = entryOf(d, thread);
  const priority = space.u8(thread, layout.KTHREAD.Priority);
  const isOnly =
    isAlone(space, entry) && space.u32(processor.prcb, processor.queue.summary) === (1 << priority) >>> 0;
  stageSummary(d, edit, processor, thread, priority, -1);
  if (!stageUnlink(space, edit, entry)) return "queue inconsistent";
  if (!stageInsertTail(space, edit, parkingList(d, process), entry)) return "queue inconsistent";
  stageBits(space, edit, thread, d.parked.word, d.parked.mask, d.parked.mask);
  // Its processor idles for its sake: there may be others to run.
  if (stranded) stageLook(d, processor, edit, !isOnly);
  return "planned";
}
