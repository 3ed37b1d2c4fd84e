import { type GuestVa, type TaskColumns, taskFlags, taskStates, nameBytes } from "vmmsched/plugin-api";
import {
  PF_IO_WORKER,
  PF_KTHREAD,
  TASK_INTERRUPTIBLE,
  TASK_NOLOAD,
  TASK_STOPPED_OR_TRACED,
  TASK_UNINTERRUPTIBLE,
} from "./constants.js";
import type { LinuxFacts } from "./facts.js";

const stateCode = Object.fromEntries(taskStates.map((state, code) => [state, code])) as Readonly<
  Record<(typeof taskStates)[number], number>
>;

/** Writes everything but `hold` of the task_struct at `task` into row `row`. */
export function readTask(
  facts: LinuxFacts,
  task: GuestVa,
  leader: boolean,
  columns: TaskColumns,
  row: number,
): void {
  const { space, layout } = facts;
  const at = layout.task;
  const process = space.i32(task, at.tgid);
  columns.id[row] = space.i32(task, at.pid);
  columns.process[row] = process;
  columns.cpu[row] = space.i32(task, at.cpu);
  columns.priority[row] = space.i32(task, at.staticPrio);
  space.storeU64(task, at.sumExecRuntime, columns.cpuTimeNs, row);
  space.storeU64(task, at.startTime, columns.startTimeNs, row);
  columns.address[row] = task;
  columns.state[row] = stateOf(facts, task);
  const kernel = (space.u32(task, at.flags) & (PF_KTHREAD | PF_IO_WORKER)) !== 0;
  columns.flags[row] =
    (kernel ? taskFlags.kernel : 0) |
    (process <= 1 ? taskFlags.untouchable : 0) |
    (leader ? taskFlags.leader : 0);
  for (let i = 0; i < nameBytes; i += 4) {
    const word = space.u32(task, at.comm + i);
    const to = row * nameBytes + i;
    columns.name[to] = word & 0xff;
    columns.name[to + 1] = (word >>> 8) & 0xff;
    columns.name[to + 2] = (word >>> 16) & 0xff;
    columns.name[to + 3] = word >>> 24;
  }
}

/** Code of the task's state; on a run queue with another `__state` it is about to sleep and still counts as runnable. */
function stateOf(facts: LinuxFacts, task: GuestVa): number {
  const { space, layout } = facts;
  const at = layout.task;
  if (space.u32(task, at.exitState) !== 0) return stateCode.exited;
  if (space.u32(task, at.onCpu) !== 0) return stateCode.running;
  if (space.u32(task, at.onRq) !== 0) return stateCode.queued;
  const state = space.u32(task, at.state);
  if ((state & TASK_STOPPED_OR_TRACED) !== 0) return stateCode.stopped;
  if ((state & TASK_INTERRUPTIBLE) !== 0) return stateCode.sleeping;
  if ((state & TASK_UNINTERRUPTIBLE) !== 0)
    return (state & TASK_NOLOAD) !== 0 ? stateCode.sleeping : stateCode.blocked;
  return stateCode.unknown;
}
