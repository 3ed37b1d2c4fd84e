import {
  isKernelObject,
  type EditTransaction,
  type GuestVa,
  type NotNow,
  type TaskIdentity,
} from "vmmsched/plugin-api";
import {
  BreakOnTermination,
  crossThreadFlagSystem,
  systemProcessId,
  ThreadObject,
  ThreadState,
  typeMask,
  UserApcPending,
} from "../constants.js";
import { Blink } from "../list-entry.js";
import { processOf, type Dispatcher } from "./dispatcher.js";
import { expectWord } from "./word-edit.js";

/** Is this still the thread that is meant, in the list of its process? Stages what proves it. */
export function refuseStranger(
  d: Dispatcher,
  change: TaskIdentity,
  edit: EditTransaction,
): NotNow | undefined {
  const { space, layout } = d;
  const { KTHREAD, ETHREAD, DISPATCHER_HEADER } = layout;
  const thread = change.address;
  if (!isKernelObject(thread)) return "gone";
  const id = ETHREAD["Cid.UniqueThread"];
  if ((space.u8(thread, DISPATCHER_HEADER.Type) & typeMask) !== ThreadObject) return "gone";
  if (space.u32(thread, id) !== change.id || change.id === 0) return "gone";
  if (d.clocks.timeNs(space, thread, ETHREAD.CreateTime) !== change.startTimeNs) return "gone";
  const process = processOf(d, thread);
  if (process === undefined || !isLinked(d, thread, KTHREAD.ThreadListEntry)) return "gone";
  edit.expect32(thread, id, change.id).expectPointer(thread, KTHREAD.Process, process);
  expectWord(space, edit, thread, KTHREAD.State);
  return undefined;
}

/**
 * Threads that are never held and keep their priority: those of System and Idle, of processes without user space, and of
 * processes without which Windows stops (BreakOnTermination: csrss, wininit, services...).
 */
export function refuseUntouchable(d: Dispatcher, thread: GuestVa): NotNow | undefined {
  const { space, layout, system } = d;
  const { EPROCESS, ETHREAD } = layout;
  const process = processOf(d, thread);
  if (process === undefined) return "gone";
  if (process === system || space.u64(process, EPROCESS.UniqueProcessId) <= systemProcessId)
    return "untouchable";
  if (space.pointer(process, EPROCESS.Peb) === 0) return "untouchable";
  if ((space.u32(process, EPROCESS.Flags) & BreakOnTermination) !== 0) return "untouchable";
  return (space.u32(thread, ETHREAD.CrossThreadFlags) & crossThreadFlagSystem) !== 0
    ? "untouchable"
    : undefined;
}

/** Is it to end, or to take a user APC? That it does in user mode, and so it has to run. */
export function mustRun(d: Dispatcher, thread: GuestVa): boolean {
  return isExiting(d, thread) || d.space.u8(thread, d.layout.KTHREAD.ApcState + UserApcPending) !== 0;
}

/** Has it ended, or is it to? */
export function isExiting(d: Dispatcher, thread: GuestVa): boolean {
  const { space, layout } = d;
  if (space.u8(thread, layout.KTHREAD.State) === ThreadState.Terminated) return true;
  const { Terminated } = layout.ETHREAD.bits;
  if (Terminated !== undefined && (space.u32(thread, Terminated.word) & Terminated.mask) !== 0) return true;
  const process = processOf(d, thread);
  const { ProcessExiting, ProcessDelete } = layout.EPROCESS.bits;
  if (process === undefined) return true;
  for (const bit of [ProcessExiting, ProcessDelete])
    if (bit !== undefined && (space.u32(process, bit.word) & bit.mask) !== 0) return true;
  return false;
}

function isLinked({ space }: Dispatcher, va: GuestVa, link: number): boolean {
  const entry = (va + link) as GuestVa;
  const next = space.pointer(va, link);
  return isKernelObject(next) && next !== entry && space.pointer(next, Blink) === entry;
}
