import {
  isKernelObject,
  nullVa,
  type EditTransaction,
  type GuestVa,
  type NotNow,
  type TaskIdentity,
} from "vmmsched/plugin-api";
import { PF_EXITING, PF_IO_WORKER, PF_KTHREAD, SIGKILL_BIT } from "./constants.js";
import type { LinuxFacts } from "./facts.js";
import { isLinked } from "./task-list.js";

/**
 * What forbids any edit of this task now. Stages the expectations that prove it is still this task, on its lists (unless
 * it is `hidden` from them), unlocked.
 */
export function refuse(
  facts: LinuxFacts,
  change: TaskIdentity,
  hidden: boolean,
  edit: EditTransaction,
): NotNow | undefined {
  const { space, layout } = facts;
  const at = layout.task;
  const task = change.address;
  if (space.i32(task, at.pid) !== change.id || space.u64(task, at.startTime) !== change.startTimeNs)
    return "gone";
  if (!hidden && !isLinked(facts, (task + at.threadNode) as GuestVa)) return "gone";
  if ((space.u32(task, at.flags) & PF_EXITING) !== 0 || space.u32(task, at.exitState) !== 0) return "exiting";
  const sighand = space.pointer(task, at.sighand);
  if (!isKernelObject(sighand)) return "exiting";
  if (space.u32(sighand, layout.sighand.siglock) !== 0) return "lock held";
  if (layout.siglockOwner !== undefined) {
    if (space.pointer(sighand, layout.siglockOwner) !== 0) return "lock held";
    edit.expectPointer(sighand, layout.siglockOwner, nullVa);
  }
  edit
    .expect32(task, at.pid, change.id)
    .expect32(task, at.exitState, 0)
    .expect32(sighand, layout.sighand.siglock, 0);
  return undefined;
}

/** What forbids holding this task: the kernel's own threads and init are never held, and a dying one is let die. */
export function refuseHold({ space, layout }: LinuxFacts, task: GuestVa): NotNow | undefined {
  const at = layout.task;
  if ((space.u32(task, at.flags) & (PF_KTHREAD | PF_IO_WORKER)) !== 0) return "untouchable";
  if (space.pointer(task, at.mm) === 0 || space.i32(task, at.tgid) <= 1) return "untouchable";
  return (space.u32(task, at.pendingSignals) & SIGKILL_BIT) !== 0 ? "exiting" : undefined;
}
