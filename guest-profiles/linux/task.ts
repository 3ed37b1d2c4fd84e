import { taskFlags, taskStates, nameBytes, type StructCursor, type TaskColumns } from "vmmsched/plugin-api";
import {
  PF_IO_WORKER,
  PF_KTHREAD,
  TASK_INTERRUPTIBLE,
  TASK_NOLOAD,
  TASK_SLEEPS_ON,
  TASK_STOPPED_OR_TRACED,
  TASK_UNINTERRUPTIBLE,
} from "./constants.js";
import type { LinuxLayout } from "./layout.js";

const stateCode = Object.fromEntries(taskStates.map((state, code) => [state, code])) as Readonly<
  Record<(typeof taskStates)[number], number>
>;

/** Writes what every kernel keeps of the task_struct at `task` into row `row`, but for `hold`. */
export function readTask(
  { task: at }: LinuxLayout,
  task: StructCursor,
  leader: boolean,
  columns: TaskColumns,
  row: number,
): void {
  const process = task.i32(at.tgid);
  columns.id[row] = task.i32(at.pid);
  columns.process[row] = process;
  columns.cpu[row] = task.i32(at.cpu);
  columns.priority[row] = task.i32(at.staticPrio);
  task.storeU64(at.sumExecRuntime, columns.cpuTimeNs, row);
  task.storeU64(at.startTime, columns.startTimeNs, row);
  task.storeAddress(columns.address, row);
  columns.state[row] = stateOf(at, task);
  const kernel = (task.i32(at.flags) & (PF_KTHREAD | PF_IO_WORKER)) !== 0;
  columns.flags[row] =
    (kernel ? taskFlags.kernel : 0) |
    (process <= 1 ? taskFlags.untouchable : 0) |
    (leader ? taskFlags.leader : 0);
  for (let i = 0; i < nameBytes; i += 4) {
    const word = task.i32(at.comm + i);
    const to = row * nameBytes + i;
    columns.name[to] = word & 0xff;
    columns.name[to + 1] = (word >>> 8) & 0xff;
    columns.name[to + 2] = (word >>> 16) & 0xff;
    columns.name[to + 3] = word >>> 24;
  }
}

/** Code of the task's state; on a run queue with another `__state` it is about to sleep and still counts as runnable. */
function stateOf(at: LinuxLayout["task"], task: StructCursor): number {
  if (task.i32(at.exitState) !== 0) return stateCode.exited;
  if (task.i32(at.onCpu) !== 0) return stateCode.running;
  if (task.i32(at.onRq) !== 0) return stateCode.queued;
  const state = task.i32(at.state);
  if ((state & TASK_STOPPED_OR_TRACED) !== 0) return stateCode.stopped;
  if ((state & TASK_INTERRUPTIBLE) !== 0 || state === TASK_SLEEPS_ON) return stateCode.sleeping;
  if ((state & TASK_UNINTERRUPTIBLE) !== 0)
    return (state & TASK_NOLOAD) !== 0 ? stateCode.sleeping : stateCode.blocked;
  return stateCode.unknown;
}
