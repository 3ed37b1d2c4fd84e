import { cfsRq, entity, rq, task } from "./offsets.js";
import type { Cpu, Kernel } from "./kernel.js";
import { TIF_NEED_RESCHED } from "./constants.js";

/** sched_prio_to_weight (kernel/sched/core.c), nice -20 to 19. */
const prioToWeight = [
  88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121,
  2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23,
  18, 15,
] as const;
const nice0Weight = 1024;
/** On 64-bit kernels load.weight has 10 more bits (scale_load). */
export const scaleLoad = 1024;
/** Before the factor 1 + ilog2(cpus), kernel/sched/fair.c. */
const schedLatencyNs = 6e6;
const minGranularityNs = 0.75e6;
const wakeupGranularityNs = 1e6;

/** Static priorities of nice -20 to 19. */
export const fairPriorities: readonly number[] = prioToWeight.map((_, i) => 100 + i);

/** load.weight and load.inv_weight of a static priority (100..139). */
export function loadOfPrio(staticPrio: number): { weight: number; inverse: number } {
  const weight = prioToWeight[staticPrio - 100] ?? nice0Weight;
  return { weight: weight * scaleLoad, inverse: Math.floor(2 ** 32 / weight) };
}

function tunable(kernel: Kernel, ns: number): number {
  return ns * (1 + Math.floor(Math.log2(Math.min(kernel.cpus.length, 8))));
}

/** calc_delta_fair: run time as virtual time. */
function virtualTime(kernel: Kernel, se: number, deltaNs: number): number {
  const weight = Math.max(kernel.memory.s64(se, entity.weight) / scaleLoad, 2);
  return weight === nice0Weight ? deltaNs : Math.floor((deltaNs * nice0Weight) / weight);
}

/** Entities in order of vruntime; compares `struct rb_node`s. */
export function entityBefore(kernel: Kernel): (a: number, b: number) => boolean {
  const at = entity.vruntime - entity.run_node;
  return (a, b) => kernel.memory.s64(a, at) < kernel.memory.s64(b, at);
}

/** The entity that holds a run_node. */
export function entityOfNode(node: number): number {
  return node - entity.run_node;
}

/** update_curr: charges the entity that runs, up to now. */
export function updateCurr(kernel: Kernel, cpu: Cpu): void {
  const { memory } = kernel;
  memory.w64(cpu.rq, rq.clock, kernel.nowNs);
  memory.w64(cpu.rq, rq.clock_task, kernel.nowNs);
  const curr = memory.s64(cpu.cfs, cfsRq.curr);
  if (curr === 0) return;
  const delta = kernel.nowNs - memory.s64(curr, entity.exec_start);
  if (delta <= 0) return;
  memory.w64(curr, entity.exec_start, kernel.nowNs);
  memory.w64(curr, entity.sum_exec_runtime, memory.s64(curr, entity.sum_exec_runtime) + delta);
  memory.w64(curr, entity.vruntime, memory.s64(curr, entity.vruntime) + virtualTime(kernel, curr, delta));
  updateMinVruntime(kernel, cpu);
}

/** update_min_vruntime: follows the smallest of the queue, and never goes back. */
function updateMinVruntime(kernel: Kernel, cpu: Cpu): void {
  const { memory, tree } = kernel;
  const curr = memory.s64(cpu.cfs, cfsRq.curr);
  const leftmost = tree.first(cpu.cfs + cfsRq.tasks_timeline);
  let smallest = memory.s64(cpu.cfs, cfsRq.min_vruntime);
  const floor = smallest;
  if (curr !== 0 && memory.u32(curr, entity.on_rq) !== 0) smallest = memory.s64(curr, entity.vruntime);
  if (leftmost !== 0) {
    const left = memory.s64(entityOfNode(leftmost), entity.vruntime);
    smallest = curr === 0 || memory.u32(curr, entity.on_rq) === 0 ? left : Math.min(smallest, left);
  }
  if (smallest > floor) memory.w64(cpu.cfs, cfsRq.min_vruntime, smallest);
}

/** How a task comes to a queue: it was asleep, it is new, or it moves over from another CPU while runnable. */
export type Arrival = "wakeup" | "new" | "migrated";

/** enqueue_task_fair without groups: places the entity, links it, and keeps the counts. */
export function enqueue(kernel: Kernel, cpu: Cpu, taskVa: number, arrival: Arrival): void {
  const { memory, tree, lists } = kernel;
  const se = taskVa + task.se;
  updateCurr(kernel, cpu);
  place(kernel, cpu, se, arrival);
  memory.w64(se, entity.cfs_rq, cpu.cfs);
  if (memory.s64(cpu.cfs, cfsRq.curr) !== se) {
    tree.insert(cpu.cfs + cfsRq.tasks_timeline, se + entity.run_node, entityBefore(kernel));
  }
  memory.w32(se, entity.on_rq, 1);
  lists.add(se + entity.group_node, cpu.rq + rq.cfs_tasks);
  account(kernel, cpu, se, 1);
}

/** place_entity: new tasks wait their turn, sleepers get half a latency as a bonus. */
function place(kernel: Kernel, cpu: Cpu, se: number, arrival: Arrival): void {
  const { memory } = kernel;
  const floor = memory.s64(cpu.cfs, cfsRq.min_vruntime);
  const own = memory.s64(se, entity.vruntime);
  if (arrival === "migrated") memory.w64(se, entity.vruntime, own + floor);
  else if (arrival === "new")
    memory.w64(
      se,
      entity.vruntime,
      Math.max(own, floor + virtualTime(kernel, se, slice(kernel, cpu, se, 1))),
    );
  else memory.w64(se, entity.vruntime, Math.max(own, floor - tunable(kernel, schedLatencyNs) / 2));
}

/** dequeue_task_fair. A task that goes on runnable elsewhere leaves with its vruntime relative to the queue. */
export function dequeue(kernel: Kernel, cpu: Cpu, taskVa: number, reason: "sleep" | "migrate"): void {
  const { memory, tree, lists } = kernel;
  const se = taskVa + task.se;
  updateCurr(kernel, cpu);
  if (memory.s64(cpu.cfs, cfsRq.curr) !== se)
    tree.erase(cpu.cfs + cfsRq.tasks_timeline, se + entity.run_node);
  memory.w32(se, entity.on_rq, 0);
  lists.del(se + entity.group_node);
  account(kernel, cpu, se, -1);
  if (reason === "migrate")
    memory.w64(
      se,
      entity.vruntime,
      memory.s64(se, entity.vruntime) - memory.s64(cpu.cfs, cfsRq.min_vruntime),
    );
  updateMinVruntime(kernel, cpu);
}

function account(kernel: Kernel, cpu: Cpu, se: number, by: 1 | -1): void {
  const { memory } = kernel;
  memory.w64(cpu.cfs, cfsRq.weight, memory.s64(cpu.cfs, cfsRq.weight) + by * memory.s64(se, entity.weight));
  memory.w32(cpu.cfs, cfsRq.inv_weight, 0);
  for (const at of [cfsRq.nr_running, cfsRq.h_nr_running])
    memory.w32(cpu.cfs, at, memory.u32(cpu.cfs, at) + by);
  memory.w32(cpu.rq, rq.nr_running, memory.u32(cpu.rq, rq.nr_running) + by);
}

/** put_prev_entity: what ran and still wants to goes back into the tree. */
export function putPrev(kernel: Kernel, cpu: Cpu): void {
  const { memory, tree } = kernel;
  const curr = memory.s64(cpu.cfs, cfsRq.curr);
  if (curr === 0) return;
  if (memory.u32(curr, entity.on_rq) !== 0) {
    updateCurr(kernel, cpu);
    tree.insert(cpu.cfs + cfsRq.tasks_timeline, curr + entity.run_node, entityBefore(kernel));
  }
  memory.w64(cpu.cfs, cfsRq.curr, 0);
}

/** pick_next_entity and set_next_entity: takes the leftmost out of the tree; 0 when the queue says that it is empty. */
export function pickNext(kernel: Kernel, cpu: Cpu): number {
  const { memory, tree } = kernel;
  if (memory.u32(cpu.cfs, cfsRq.nr_running) === 0) return 0;
  const timeline = cpu.cfs + cfsRq.tasks_timeline;
  // With nr_running > 0 and an empty tree this is what __pick_first_entity gives, and what the kernel dies of.
  const se = entityOfNode(tree.first(timeline));
  tree.erase(timeline, se + entity.run_node);
  memory.w64(se, entity.exec_start, kernel.nowNs);
  memory.w64(cpu.cfs, cfsRq.curr, se);
  memory.w64(se, entity.prev_sum_exec_runtime, memory.s64(se, entity.sum_exec_runtime));
  return se - task.se;
}

/** sched_slice: the share of one latency period that the entity's weight gives it. */
function slice(kernel: Kernel, cpu: Cpu, se: number, joining: number): number {
  const { memory } = kernel;
  const running = memory.u32(cpu.cfs, cfsRq.nr_running) + joining;
  const granularity = tunable(kernel, minGranularityNs);
  const period = Math.max(tunable(kernel, schedLatencyNs), running * granularity);
  const weight = memory.s64(se, entity.weight);
  const total = memory.s64(cpu.cfs, cfsRq.weight) + joining * weight;
  return total <= 0 ? period : Math.max((period * weight) / total, granularity);
}

/** entity_tick and check_preempt_tick: should what runs make room? */
export function tickFair(kernel: Kernel, cpu: Cpu): boolean {
  const { memory, tree } = kernel;
  updateCurr(kernel, cpu);
  const curr = memory.s64(cpu.cfs, cfsRq.curr);
  if (curr === 0 || memory.u32(cpu.cfs, cfsRq.nr_running) <= 1) return false;
  const ideal = slice(kernel, cpu, curr, 0);
  const ran = memory.s64(curr, entity.sum_exec_runtime) - memory.s64(curr, entity.prev_sum_exec_runtime);
  if (ran > ideal) return true;
  if (ran < tunable(kernel, minGranularityNs)) return false;
  const leftmost = tree.first(cpu.cfs + cfsRq.tasks_timeline);
  return (
    leftmost !== 0 &&
    memory.s64(curr, entity.vruntime) - memory.s64(entityOfNode(leftmost), entity.vruntime) > ideal
  );
}

/** check_preempt_wakeup: has the task that came a claim on the CPU now? */
export function preemptsOnWakeup(kernel: Kernel, cpu: Cpu, taskVa: number): boolean {
  const { memory } = kernel;
  const curr = memory.s64(cpu.cfs, cfsRq.curr);
  if (curr === 0) return true;
  updateCurr(kernel, cpu);
  const se = taskVa + task.se;
  const difference = memory.s64(curr, entity.vruntime) - memory.s64(se, entity.vruntime);
  return difference > virtualTime(kernel, se, tunable(kernel, wakeupGranularityNs));
}

/** resched_curr. */
export function reschedCurr(kernel: Kernel, cpu: Cpu): void {
  const curr = kernel.memory.s64(cpu.rq, rq.curr);
  kernel.memory.w32(curr, task.tif, kernel.memory.u32(curr, task.tif) | TIF_NEED_RESCHED);
}
