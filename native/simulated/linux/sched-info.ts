import type { Cpu, Kernel } from "./kernel.js";
import { rq, task } from "./offsets.js";
import type { Thread } from "./thread.js";

/** sched_info_enqueue (kernel/sched/stats.h): from now on it waits for a CPU. */
export function schedInfoEnqueue(kernel: Kernel, cpu: Cpu, va: number): void {
  const { memory } = kernel;
  if (memory.s64(va, task.last_queued) !== 0) return;
  memory.w64(cpu.rq, rq.clock, kernel.nowNs);
  memory.w64(va, task.last_queued, kernel.nowNs);
}

/** sched_info_dequeue and sched_info_arrive: it waits no more. */
export function schedInfoDequeue(kernel: Kernel, cpu: Cpu, va: number): void {
  const { memory } = kernel;
  const since = memory.s64(va, task.last_queued);
  if (since === 0) return;
  // Clocks of two CPUs differ by a little.
  const waitedNs = Math.max(0, kernel.nowNs - since);
  memory.w64(va, task.last_queued, 0);
  memory.w64(va, task.run_delay, memory.s64(va, task.run_delay) + waitedNs);
  memory.w64(cpu.rq, rq.run_delay, memory.s64(cpu.rq, rq.run_delay) + waitedNs);
}

/** sched_info_switch: who lost the CPU and wants it still waits again. */
export function schedInfoSwitch(kernel: Kernel, cpu: Cpu, prev: Thread, next: Thread): void {
  if (prev !== cpu.idle && kernel.memory.u32(prev.va, task.on_rq) !== 0)
    schedInfoEnqueue(kernel, cpu, prev.va);
  if (next !== cpu.idle) schedInfoDequeue(kernel, cpu, next.va);
}
