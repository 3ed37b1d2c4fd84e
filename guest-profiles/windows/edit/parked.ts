import { vaOffset, type EditTransaction, type GuestVa, type NotNow } from "vmmsched/plugin-api";
import { ThreadState } from "../constants.js";
import { Blink } from "../list-entry.js";
import { processOf, type Dispatcher } from "./dispatcher.js";
import { isLocked } from "./safe-moment.js";

/** KPROCESS_STATE: ProcessInMemory. */
const inMemory = 0;
/** From 7 on the state is the low three bits of StackCount. */
const stateMask = 7;
/** Threads of one process: its list has an end in a guest that lies, too. */
const mostThreads = 4096;

/**
 * Is the thread on the ready list of its own process although that is in memory? Windows itself leaves a thread there only
 * while the process is swapped out, or has it there for the moment in which it brings the process back, with locks held.
 * So this is one that was parked from outside, by whichever scheduler.
 */
export function isParked(d: Dispatcher, thread: GuestVa): boolean {
  const { space, layout, parked } = d;
  if ((space.u32(thread, parked.word) & parked.mask) === 0) return false;
  if (space.u8(thread, layout.KTHREAD.State) !== ThreadState.Ready) return false;
  const process = processOf(d, thread);
  return process !== undefined && isInMemory(d, process);
}

/**
 * What forbids editing the ready list of a process now: a swapped-out process has it in use, and who attaches to one in
 * memory empties it under the process's lock (in Vista the dispatcher's).
 */
export function refuseProcess(d: Dispatcher, process: GuestVa, edit: EditTransaction): NotNow | undefined {
  const { space, layout } = d;
  if (!isInMemory(d, process)) return "migrating";
  const word = stateOffset(d) & ~3;
  edit.expect32(process, word, space.u32(process, word));
  return isLocked(d, edit, process, layout.KPROCESS.ProcessLock) ? "lock held" : undefined;
}

/** Head of KPROCESS.ReadyListHead. */
export function parkingList({ layout }: Dispatcher, process: GuestVa): GuestVa {
  return vaOffset(process, layout.KPROCESS.ReadyListHead);
}

/** Is the list whole, all its threads parked, and `thread` one of them or not as `contained` says? */
export function isSoundList(d: Dispatcher, process: GuestVa, thread: GuestVa, contained: boolean): boolean {
  const { space, layout } = d;
  const { WaitListEntry } = layout.KTHREAD;
  const head = parkingList(d, process);
  let met = false;
  let at = head;
  let next = space.pointer(head, 0);
  for (let left = mostThreads; next !== head; at = next, next = space.pointer(next, 0)) {
    if (left-- === 0 || next >= 0 || (next & 7) !== 0 || space.pointer(next, Blink) !== at) return false;
    const one = vaOffset(next, -WaitListEntry);
    if (processOf(d, one) !== process || !isParked(d, one)) return false;
    met ||= one === thread;
  }
  return space.pointer(head, Blink) === at && met === contained;
}

function isInMemory(d: Dispatcher, process: GuestVa): boolean {
  return (d.space.u8(process, stateOffset(d)) & stateMask) === inMemory;
}

function stateOffset({ layout }: Dispatcher): number {
  return layout.KPROCESS.State ?? layout.KPROCESS.StackCount;
}
