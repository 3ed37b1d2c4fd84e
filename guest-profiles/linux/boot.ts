import { formatVa, isKernelObject, isVmmschedError, vaOffset } from "vmmsched/plugin-api";
import { requireSymbol, type LinuxFacts } from "./facts.js";

/**
 * Names this boot of the guest: where the kernel lies, and where process 1 does and when, to the nanosecond, it was created
 * (task_struct.start_time; executing init does not change it). Undefined where that cannot be read.
 */
export function bootName({ space, symbols, layout, initTask }: LinuxFacts): string | undefined {
  const { tasks, startTime, pid } = layout.task;
  try {
    const first = vaOffset(space.pointer(initTask, tasks), -tasks);
    if (!isKernelObject(first) || space.i32(first, pid) !== 1) return undefined;
    const text = requireSymbol(symbols, "_stext");
    return `${formatVa(text)} ${formatVa(first)} ${String(space.u64(first, startTime))}`;
  } catch (error) {
    if (
      isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") ||
      isVmmschedError(error, "ERR_FRAME_UNREADABLE")
    )
      return undefined;
    throw error;
  }
}
