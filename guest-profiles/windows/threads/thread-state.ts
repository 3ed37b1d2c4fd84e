import { taskStates, type StructCursor, type TaskState } from "vmmsched/plugin-api";
import { ThreadObject, ThreadState, typeMask } from "../constants.js";
import type { WindowsLayout } from "../layout.js";

/** KWAIT_REASON of a thread that somebody suspended. */
const suspended: ReadonlySet<number> = new Set([5, 12]);

/** What they are called here: a thread whose stack or process has to be brought into memory first is blocked. */
const byState: Readonly<Record<number, TaskState>> = {
  [ThreadState.Ready]: "queued",
  [ThreadState.Running]: "running",
  [ThreadState.Standby]: "queued",
  [ThreadState.Terminated]: "exited",
  [ThreadState.Waiting]: "sleeping",
  [ThreadState.Transition]: "blocked",
  [ThreadState.DeferredReady]: "queued",
  [ThreadState.GateWait]: "blocked",
  [ThreadState.WaitingForProcessInSwap]: "blocked",
};
const codes = Uint8Array.from({ length: 256 }, (_, state) => taskStates.indexOf(byState[state] ?? "unknown"));
const stopped = taskStates.indexOf("stopped");

/** Code of its state in the snapshot. */
export function stateCode(thread: StructCursor, { KTHREAD }: WindowsLayout): number {
  const state = thread.u8(KTHREAD.State);
  if (state === ThreadState.Waiting && suspended.has(thread.u8(KTHREAD.WaitReason))) return stopped;
  return codes[state] ?? 0;
}

/** Is it a KTHREAD that belongs to this process? */
export function isThreadOf(
  thread: StructCursor,
  process: StructCursor,
  { KTHREAD, DISPATCHER_HEADER }: WindowsLayout,
): boolean {
  return (
    thread.isObject() &&
    (thread.u8(DISPATCHER_HEADER.Type) & typeMask) === ThreadObject &&
    thread.pointsTo(KTHREAD.Process, process)
  );
}
