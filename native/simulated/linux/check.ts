import { TASK_DEAD, TASK_ON_RQ_QUEUED } from "./constants.js";
import { entityBefore, entityOfNode, loadOfPrio } from "./fair.js";
import type { Cpu, Kernel } from "./kernel.js";
import { cfsRq, entity, rq, task } from "./offsets.js";
import { checkPressure } from "./psi.js";
import { Oops } from "./oops.js";

/**
 * Looks over a CPU's run queue as a debugging kernel would: the tree's own rules, and that counts, lists and each
 * task's fields say the same. A broken tree is fatal, anything else is a warning.
 */
export function checkRunQueue(kernel: Kernel, cpu: Cpu): void {
  const { memory, tree } = kernel;
  const found = tree.validate(cpu.cfs + cfsRq.tasks_timeline, entityBefore(kernel), kernel.threads.size);
  if ("broken" in found)
    throw new Oops(`kernel BUG at lib/rbtree.c: tasks_timeline of CPU#${String(cpu.id)}: ${found.broken}`);
  const entities = found.nodes.map(entityOfNode);
  const curr = memory.s64(cpu.cfs, cfsRq.curr);
  if (curr !== 0) entities.push(curr);
  let weight = 0;
  for (const se of entities) {
    weight += memory.s64(se, entity.weight);
    const complaint = wrongWith(kernel, cpu, se);
    if (complaint !== undefined) warn(kernel, cpu, complaint);
  }
  const counts = [
    ["rq->nr_running", memory.u32(cpu.rq, rq.nr_running)],
    ["cfs_rq->nr_running", memory.u32(cpu.cfs, cfsRq.nr_running)],
    ["cfs_rq->h_nr_running", memory.u32(cpu.cfs, cfsRq.h_nr_running)],
    ["the length of cfs_tasks", listLength(kernel, cpu.rq + rq.cfs_tasks)],
  ] as const;
  for (const [name, count] of counts) {
    if (count !== entities.length)
      warn(kernel, cpu, `${name} is ${String(count)}, but ${String(entities.length)} tasks are queued`);
  }
  const pressure = checkPressure(kernel, cpu);
  if (pressure !== undefined) warn(kernel, cpu, pressure);
  const load = memory.s64(cpu.cfs, cfsRq.weight);
  if (load !== weight)
    warn(kernel, cpu, `cfs_rq->load.weight is ${String(load)}, but its tasks weigh ${String(weight)}`);
}

/** What a queued task's own fields contradict, if anything. A state other than running is legal until it is scheduled. */
function wrongWith(kernel: Kernel, cpu: Cpu, se: number): string | undefined {
  const { memory } = kernel;
  const va = se - task.se;
  const thread = kernel.threads.get(va);
  if (thread === undefined) return "a queued entity belongs to no task";
  const name = `${thread.comm}/${String(thread.pid)}`;
  if (memory.u32(va, task.on_rq) !== TASK_ON_RQ_QUEUED)
    return `${name} is queued with on_rq ${String(memory.u32(va, task.on_rq))}`;
  if (memory.u32(se, entity.on_rq) !== 1)
    return `${name} is queued with se.on_rq ${String(memory.u32(se, entity.on_rq))}`;
  if (memory.u32(va, task.cpu) !== cpu.id)
    return `${name} is queued here but its cpu is ${String(memory.u32(va, task.cpu))}`;
  if ((memory.u32(va, task.state) & TASK_DEAD) !== 0) return `${name} is queued and dead`;
  return wrongPriority(kernel, va, name);
}

/** All tasks here are of SCHED_NORMAL: their three priorities are one, and they weigh what that says. */
function wrongPriority({ memory }: Kernel, va: number, name: string): string | undefined {
  const prio = memory.u32(va, task.static_prio);
  const said = [memory.u32(va, task.normal_prio), memory.u32(va, task.prio)];
  if (said.some((other) => other !== prio))
    return `${name} has static_prio ${String(prio)}, normal_prio and prio ${said.join(" and ")}`;
  const { weight, inverse } = loadOfPrio(prio);
  const found = memory.s64(va + task.se, entity.weight);
  return found === weight && memory.u32(va + task.se, entity.inv_weight) === inverse
    ? undefined
    : `${name} of static_prio ${String(prio)} weighs ${String(found)}`;
}

function listLength(kernel: Kernel, head: number): number {
  let length = 0;
  for (let at = kernel.lists.next(head); at !== head; at = kernel.lists.next(at)) {
    if (++length > kernel.threads.size) return length;
  }
  return length;
}

function warn(kernel: Kernel, cpu: Cpu, message: string): void {
  kernel.console.complain(`WARNING: CPU: ${String(cpu.id)} PID: 0 at kernel/sched/fair.c: ${message}`);
}
