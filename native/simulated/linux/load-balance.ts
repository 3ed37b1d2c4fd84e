import { TASK_ON_RQ_MIGRATING, TASK_ON_RQ_QUEUED } from "./constants.js";
import { dequeue, enqueue, entityOfNode } from "./fair.js";
import type { Cpu, Kernel } from "./kernel.js";
import { cfsRq, rq, task } from "./offsets.js";
import { psiDequeue, psiEnqueue } from "./psi.js";
import { schedInfoDequeue, schedInfoEnqueue } from "./sched-info.js";

/** The first queued task of `from` that may run elsewhere, or 0. */
export function movable(kernel: Kernel, from: Cpu): number {
  const { memory, tree } = kernel;
  const leftmost = tree.first(from.cfs + cfsRq.tasks_timeline);
  if (leftmost === 0) return 0;
  const va = entityOfNode(leftmost) - task.se;
  return memory.u32(va, task.nr_cpus_allowed) > 1 && memory.u32(from.rq, rq.lock) === 0 ? va : 0;
}

/** detach_task: while it moves, it is on no queue and its on_rq says so. */
export function detachTask(kernel: Kernel, from: Cpu, va: number): void {
  schedInfoDequeue(kernel, from, va);
  psiDequeue(kernel, from, va);
  dequeue(kernel, from, va, "migrate");
  kernel.memory.w32(va, task.on_rq, TASK_ON_RQ_MIGRATING);
}

/** attach_task. */
export function attachTask(kernel: Kernel, to: Cpu, va: number): void {
  kernel.memory.w32(va, task.cpu, to.id);
  schedInfoEnqueue(kernel, to, va);
  psiEnqueue(kernel, to, va);
  enqueue(kernel, to, va, "migrated");
  kernel.memory.w32(va, task.on_rq, TASK_ON_RQ_QUEUED);
}

/** newidle_balance: a CPU without work takes a task from the busiest queue. */
export function pullTask(kernel: Kernel, cpu: Cpu): boolean {
  const { memory } = kernel;
  const load = (other: Cpu): number => memory.u32(other.rq, rq.nr_running);
  let busiest = cpu;
  for (const other of kernel.cpus) if (load(other) > load(busiest)) busiest = other;
  if (busiest === cpu || load(busiest) < 2 || load(busiest) - load(cpu) < 2) return false;
  const va = movable(kernel, busiest);
  if (va === 0) return false;
  detachTask(kernel, busiest, va);
  attachTask(kernel, cpu, va);
  return true;
}
