import { isKernelObject, type EditTransaction, type GuestVa, type NotNow } from "vmmsched/plugin-api";
import {
  InitialStack,
  KernelApcInProgress,
  PASSIVE_LEVEL,
  trapFrame,
  UserApcPending,
  userSelectors,
  WaitReason,
} from "../constants.js";
import type { Dispatcher } from "./dispatcher.js";
import { expectWord } from "./word-edit.js";

/** The upper words of addresses in user space are below. */
const userHighEnd = 0x8000;

/**
 * Does a ready thread perhaps hold a lock of the kernel? The kernel's own locks keep their owner from being suspended:
 * resources, push locks and guarded mutexes by KernelApcDisable or SpecialApcDisable, fast mutexes by APC_LEVEL. A thread
 * that has none of that is one that NtSuspendThread would stop where it is.
 *
 * - It waited: WaitIrql is the IRQL at which it did.
 * - It had to leave its processor: WaitIrql is APC_LEVEL whatever it was at, so it must come from user mode by an interrupt,
 *   as the trap frame at the beginning of its kernel stack says.
 */
export function refuseLockOwner(d: Dispatcher, thread: GuestVa, edit: EditTransaction): NotNow | undefined {
  const { space, layout } = d;
  const { KTHREAD } = layout;
  const { ApcState, KernelApcDisable, SpecialApcDisable } = KTHREAD;
  if (space.u16(thread, KernelApcDisable) !== 0 || space.u16(thread, SpecialApcDisable) !== 0)
    return "kernel mode";
  // In the address space of another process, which only kernel code is.
  if (space.pointer(thread, KTHREAD["ApcState.Process"]) !== space.pointer(thread, KTHREAD.Process))
    return "kernel mode";
  if (space.u8(thread, ApcState + KernelApcInProgress) !== 0) return "kernel mode";
  if (space.u8(thread, ApcState + UserApcPending) !== 0) return "signal pending";
  const reason = space.u8(thread, KTHREAD.WaitReason);
  const hadToLeave = reason >= WaitReason.WrQuantumEnd && reason <= WaitReason.WrYieldExecution;
  const free = hadToLeave
    ? cameFromUserMode(d, thread, edit)
    : space.u8(thread, KTHREAD.WaitIrql) === PASSIVE_LEVEL;
  if (!free) return "kernel mode";
  for (const member of [
    KernelApcDisable,
    SpecialApcDisable,
    ApcState + KernelApcInProgress,
    KTHREAD.WaitReason,
  ])
    expectWord(space, edit, thread, member);
  return undefined;
}

/** Is the frame at the beginning of its kernel stack that of an interrupt in user mode? Then the stack has nothing else. */
function cameFromUserMode({ space, layout }: Dispatcher, thread: GuestVa, edit: EditTransaction): boolean {
  const { StackBase, StackLimit } = layout.KTHREAD;
  const base = space.pointer(thread, InitialStack);
  if (!isKernelObject(base) || base > space.pointer(thread, StackBase)) return false;
  const frame = (base - trapFrame.bytes) as GuestVa;
  if (frame < space.pointer(thread, StackLimit)) return false;
  const { code, code32, data } = userSelectors;
  const selector = space.u16(frame, trapFrame.SegCs);
  if (selector !== code && selector !== code32) return false;
  if (space.u16(frame, trapFrame.SegSs) !== data) return false;
  if (space.u32(frame, trapFrame.Rip + 4) >= userHighEnd) return false;
  expectWord(space, edit, frame, trapFrame.ExceptionActive);
  return space.u8(frame, trapFrame.ExceptionActive) === trapFrame.interrupt;
}
