import {
  isKernelObject,
  vaOffset,
  type EditTransaction,
  type GuestVa,
  type NotNow,
} from "vmmsched/plugin-api";
import { lockQueueBits } from "../constants.js";
import type { Dispatcher } from "./dispatcher.js";

/**
 * May ready lists be edited at this moment? Looked at while the domain is paused, it has to be so that nobody in the guest
 * is in the midst of the dispatcher:
 *
 * - every vCPU is in user mode, where nobody holds a spin lock, or runs its idle thread. CR8 (the IRQL) is not known from
 *   outside; so a vCPU in kernel mode that runs anything else counts as one at DISPATCH_LEVEL. Locks alone would not tell
 *   of code that has looked at a thread and takes the lock next.
 * - no PrcbLock is held, and in Vista nobody owns or awaits the dispatcher lock: interrupts and DPCs run on idle threads.
 * - no deferred ready list has threads: they are on their way to a ready list.
 *
 * The transaction expects all these words.
 */
export function safeMoment(d: Dispatcher, edit: EditTransaction): NotNow | undefined {
  for (const vcpu of d.domain.vcpus()) if (!vcpu.userMode && !isIdling(d, vcpu.gsBase)) return "kernel mode";
  const { PrcbLock } = d.layout.KPRCB;
  for (const { prcb } of d.processors) {
    if (isLocked(d, edit, prcb, PrcbLock)) return "lock held";
    if (d.space.pointer(prcb, d.deferred) !== 0) return "wake-up under way";
    edit.expect32(prcb, d.deferred, 0).expect32(prcb, d.deferred + 4, 0);
    if (d.dispatcherLock !== undefined) {
      const queued = d.space.u32(prcb, d.dispatcherLock);
      if ((queued & lockQueueBits) !== 0) return "lock held";
      edit.expect32(prcb, d.dispatcherLock, queued);
    }
  }
  return dispatcherLock(d, edit);
}

/** Is the spin lock at `va + offset` held? If not, the transaction expects it to stay so. */
export function isLocked(d: Dispatcher, edit: EditTransaction, va: GuestVa, offset: number): boolean {
  if (d.space.u32(va, offset) !== 0) return true;
  edit.expect32(va, offset, 0);
  return false;
}

/** The lock that LockQueue[LockQueueDispatcherLock] of every processor leads to: a pointer to the last who waits, or 0. */
function dispatcherLock(d: Dispatcher, edit: EditTransaction): NotNow | undefined {
  const [first] = d.processors;
  if (d.dispatcherLock === undefined || first === undefined) return undefined;
  const lock = d.space.pointer(first.prcb, d.dispatcherLock);
  if (!isKernelObject(lock)) return "queue inconsistent";
  return isLocked(d, edit, lock, 0) || isLocked(d, edit, lock, 4) ? "lock held" : undefined;
}

/** In kernel mode the GS base is the KPCR; while it is not (around `swapgs`) the processor is not idle. */
function isIdling({ layout, processors, space }: Dispatcher, gsBase: number): boolean {
  const { CurrentThread, IdleThread } = layout.KPRCB;
  const { Prcb = 0x180 } = layout.KPCR;
  if (!isKernelObject(gsBase)) return false;
  const prcb = vaOffset(gsBase, Prcb);
  for (const one of processors)
    if (one.prcb === prcb) return space.pointer(prcb, CurrentThread) === space.pointer(prcb, IdleThread);
  return false;
}
