import { TASK_ON_RQ_QUEUED } from "./constants.js";
import { loadOfPrio, updateCurr } from "./fair.js";
import type { Kernel } from "./kernel.js";
import { cfsRq, entity, task } from "./offsets.js";
import { Oops } from "./oops.js";

/** set_user_nice (kernel/sched/core.c) with reweight_task (kernel/sched/fair.c): what `renice` in the guest does. */
export function setUserNice(kernel: Kernel, va: number, nice: number): void {
  const { memory } = kernel;
  const cpu = kernel.cpus[memory.u32(va, task.cpu)];
  if (cpu === undefined) throw new Oops("BUG: unable to handle page fault: task_cpu is no CPU");
  const prio = 120 + nice;
  const { weight, inverse } = loadOfPrio(prio);
  const se = va + task.se;
  if (memory.u32(va, task.on_rq) === TASK_ON_RQ_QUEUED) {
    updateCurr(kernel, cpu);
    const others = memory.s64(cpu.cfs, cfsRq.weight) - memory.s64(se, entity.weight);
    memory.w64(cpu.cfs, cfsRq.weight, others + weight);
    memory.w32(cpu.cfs, cfsRq.inv_weight, 0);
  }
  for (const at of [task.static_prio, task.normal_prio, task.prio]) memory.w32(va, at, prio);
  memory.w64(se, entity.weight, weight);
  memory.w32(se, entity.inv_weight, inverse);
}
