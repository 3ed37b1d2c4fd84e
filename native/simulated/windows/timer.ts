import { dispatcherHeader, tickNs, timerLists, timerMember } from "./constants.js";
import type { Kernel } from "./kernel.js";
import { isVista } from "./object.js";

/** The timer in a KTHREAD with which it sleeps. */
export function timerOf(kernel: Kernel, thread: number): number {
  return thread + kernel.layout.thread.Timer;
}

/** Header.Inserted: a byte in Vista, later bit 6. */
function insertedBit(kernel: Kernel): number {
  return isVista(kernel) ? 1 : 0x40;
}

function listOf(kernel: Kernel, tick: number): number {
  return kernel.symbol("KiTimerTableListHead") + 16 * (tick % timerLists);
}

export function initializeTimerTable(kernel: Kernel): void {
  for (let tick = 0; tick < timerLists; tick++) kernel.lists.InitializeListHead(listOf(kernel, tick));
}

/** KxInsertTimer: due at the first tick that is not before `dueNs`; no tick is, when it is infinite. */
export function insertTimer(kernel: Kernel, timer: number, dueNs: number): void {
  const { memory, lists } = kernel;
  const tick = Math.ceil(Math.min(dueNs, Number.MAX_SAFE_INTEGER) / tickNs);
  memory.w32(timer, dispatcherHeader.SignalState, 0);
  memory.w64(timer, timerMember.DueTime, Math.ceil(Math.min(dueNs, Number.MAX_SAFE_INTEGER) / 100));
  memory.w8(
    timer,
    dispatcherHeader.Inserted,
    memory.u8(timer, dispatcherHeader.Inserted) | insertedBit(kernel),
  );
  lists.InsertTailList(listOf(kernel, tick), timer + timerMember.TimerListEntry);
}

/** Takes a timer out of the table, if it is there. */
export function removeTimer(kernel: Kernel, timer: number): void {
  const { memory, lists } = kernel;
  const flags = memory.u8(timer, dispatcherHeader.Inserted);
  if ((flags & insertedBit(kernel)) === 0) return;
  memory.w8(timer, dispatcherHeader.Inserted, flags & ~insertedBit(kernel));
  lists.RemoveEntryList(timer + timerMember.TimerListEntry);
}

/** The timers that are due at `nowNs`, of those whose list belongs to a tick from `fromTick` to `toTick`. */
export function dueTimers(kernel: Kernel, fromTick: number, toTick: number, nowNs: number): number[] {
  const { memory, lists } = kernel;
  const due: number[] = [];
  for (let tick = Math.max(fromTick, toTick - timerLists + 1); tick <= toTick; tick++) {
    for (const entry of lists.entries(listOf(kernel, tick))) {
      const timer = entry - timerMember.TimerListEntry;
      if (memory.s64(timer, timerMember.DueTime) * 100 <= nowNs) due.push(timer);
    }
  }
  return due;
}
