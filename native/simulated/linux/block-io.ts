import { TASK_UNINTERRUPTIBLE } from "./constants.js";
import { doExit } from "./exit.js";
import type { Cpu, Kernel } from "./kernel.js";
import { task } from "./offsets.js";
import { schedule } from "./schedule.js";
import type { Thread } from "./thread.js";

/** Writes to the disk and waits for it; task_io_account_write (include/linux/task_io_accounting_ops.h). Without a disk the program ends. */
export function writeToDisk(kernel: Kernel, cpu: Cpu, thread: Thread, bytes: number): void {
  if (kernel.disk === undefined) {
    doExit(kernel, cpu, thread);
    return;
  }
  const { memory } = kernel;
  memory.w64(thread.va, task.write_bytes, memory.s64(thread.va, task.write_bytes) + bytes);
  thread.expiresNs = kernel.disk.submit(cpu.nowNs, bytes);
  ioSchedule(kernel, cpu, thread);
}

/** io_schedule: no signal ends this sleep. Called again after each wake-up. */
export function ioSchedule(kernel: Kernel, cpu: Cpu, thread: Thread): void {
  for (const one of kernel.cpus) one.timers.cancel(thread);
  if (thread.expiresNs <= cpu.nowNs) {
    thread.place = "user";
    return;
  }
  thread.place = "io";
  cpu.timers.start(thread);
  kernel.memory.w32(thread.va, task.state, TASK_UNINTERRUPTIBLE);
  schedule(kernel, cpu);
}
