import { isKernelObject, nullVa, vaOffset, type GuestVa } from "vmmsched/plugin-api";
import { SCHED_IDLE } from "../constants.js";
import { type FairQueue, mostLevels } from "./fair-queue.js";
import type { RunQueueLayout } from "./layout.js";
import type { Overlay } from "./overlay.js";
import type { Pressure } from "./psi.js";

const NUMA_NO_NODE = 0xffffffff;
/** kernel/sched/pelt.h: this bit of util_est says that it has not changed. */
const UTIL_AVG_UNCHANGED = 0x80000000;
const listNext = 0;
const listPrev = 8;

/** What forbids the surgery: something it does not keep right, or a queue that does not fit together. */
export interface Refusal {
  readonly notNow: "not by this method" | "queue inconsistent";
  readonly why: string;
}

/** What the surgery works with; made once for a kernel. */
export interface DequeueTools {
  /** fair_sched_class. */
  readonly fairClass: GuestVa;
  readonly layout: RunQueueLayout;
  readonly overlay: Overlay;
  readonly queue: FairQueue;
  /** Undefined where the kernel has no PSI. */
  readonly pressure: Pressure | undefined;
}

/**
 * deactivate_task(rq, p, DEQUEUE_SLEEP) on the overlay, as __schedule() calls it (kernel/sched/core.c, fair.c, stats.h of
 * 6.1 and 6.12), for a task that waits in the run queue at `rq` of the CPU with this per-CPU area, with rq's lock and the
 * task's pi_lock free. Every queue that it touches is checked before and after. Returns what forbids it, undefined when
 * it is done.
 *
 * Left to the guest, which makes up for it with its next own step: min_vruntime (update_curr), the weights of groups
 * (update_cfs_group), and the load averages, which decay by time.
 */
export function dequeueTask(
  tools: DequeueTools,
  task: GuestVa,
  rq: GuestVa,
  area: GuestVa,
): Refusal | undefined {
  const { layout, overlay } = tools;
  const entity = vaOffset(task, layout.task.entity);
  const broken = checkChain(tools, entity, rq);
  if (broken !== undefined) return { notNow: "queue inconsistent", why: broken };
  overlay.watch(true);
  const refusal = notPlain(tools, task, rq) ?? notLeaving(tools, entity, rq);
  if (refusal !== undefined) return { notNow: "not by this method", why: refusal };
  const current = overlay.pointer(rq, layout.rq.curr);
  const pressure = tools.pressure?.leaveQueue(task, current, area, rq, layout.rq.clock);
  if (pressure !== undefined) return { notNow: "not by this method", why: pressure };
  leaveWaiting(tools, task, rq);
  leaveUtilization(tools, entity, rq);
  leaveQueues(tools, task, entity, rq);
  unlinkFromTasks(tools, entity);
  overlay.add32(rq, layout.rq.nrRunning, -1);
  const { word, mask } = layout.contributesToLoad;
  overlay.write32(task, word, (overlay.u32(task, word) & ~mask) >>> 0);
  overlay.watch(false);
  const spoilt = checkChain(tools, entity, rq);
  return spoilt === undefined ? undefined : { notNow: "queue inconsistent", why: spoilt };
}

/** What the surgery does not keep right: other classes, NUMA and core scheduling. */
function notPlain(
  { fairClass, layout, overlay }: DequeueTools,
  task: GuestVa,
  rq: GuestVa,
): string | undefined {
  if (overlay.pointer(task, layout.task.schedClass) !== fairClass) return "it is not in the fair class";
  const { numaPreferredNode, entity } = layout.task;
  if (numaPreferredNode !== undefined && overlay.u32(task, numaPreferredNode) !== NUMA_NO_NODE)
    return "it has a preferred NUMA node";
  const { coreEnabled } = layout.rq;
  if (coreEnabled !== undefined && overlay.u32(rq, coreEnabled) !== 0) return "core scheduling is on";
  const { delayed } = layout.entity;
  if (delayed !== undefined && overlay.u8(vaOffset(task, entity), delayed) !== 0)
    return "its dequeue is delayed";
  return undefined;
}

/** Checks the queue of `entity` and all above it, on the way to the CPU's own. */
function checkChain(
  { layout, overlay, queue }: DequeueTools,
  entity: GuestVa,
  rq: GuestVa,
): string | undefined {
  const root = vaOffset(rq, layout.rq.cfs);
  let cfs = nullVa;
  let level = 0;
  for (let at = entity; at !== nullVa; at = queue.parentOf(at)) {
    if (level++ === mostLevels || !isKernelObject(at)) return "its groups do not end";
    cfs = queue.queueOf(at, rq);
    if (!isKernelObject(cfs)) return "it has no cfs_rq";
    const problem = queue.check(cfs);
    if (problem !== undefined) return problem;
  }
  if (cfs !== root) return "its groups end at the queue of another CPU";
  return overlay.u32(rq, layout.rq.nrRunning) < overlay.u32(root, layout.cfsRq.hNrRunning)
    ? "rq->nr_running is less than its tasks"
    : undefined;
}

/** What keeps the task from leaving its queues now: it runs, it is not in the tree, or a group of its is throttled. */
function notLeaving(
  { layout, overlay, queue }: DequeueTools,
  entity: GuestVa,
  rq: GuestVa,
): string | undefined {
  const { throttled, throttleCount } = layout.cfsRq;
  const node = vaOffset(entity, layout.entity.groupNode);
  if (!overlay.pointsBack(node, listNext, listPrev) || !overlay.pointsBack(node, listPrev, listNext))
    return "cfs_tasks is broken";
  let leaves = true;
  for (let at = entity; at !== nullVa; at = queue.parentOf(at)) {
    const cfs = queue.queueOf(at, rq);
    if (leaves && overlay.pointer(cfs, layout.cfsRq.curr) === at) return "it is current";
    if (overlay.u8(at, layout.entity.onRq) !== 1) return "it is not queued";
    if (throttled !== undefined && overlay.u32(cfs, throttled) !== 0) return "its group is throttled";
    if (throttleCount !== undefined && overlay.u32(cfs, throttleCount) !== 0) return "its group is throttled";
    leaves &&= overlay.u32(cfs, layout.cfsRq.nrRunning) === 1;
  }
  return undefined;
}

/** dequeue_task_fair: out of each queue that it leaves empty, and one task less in all above. */
function leaveQueues(
  { layout, overlay, queue }: DequeueTools,
  task: GuestVa,
  entity: GuestVa,
  rq: GuestVa,
): void {
  const at = layout.cfsRq;
  const isIdleQueue = (cfs: GuestVa): boolean => at.idle !== undefined && overlay.u32(cfs, at.idle) !== 0;
  let idle = overlay.u32(task, layout.task.policy) === SCHED_IDLE;
  let leaves = true;
  for (let se = entity; se !== nullVa; se = queue.parentOf(se)) {
    const cfs = queue.queueOf(se, rq);
    const group = queue.groupQueueOf(se);
    if (leaves) {
      const seIsIdle = group === nullVa ? idle : isIdleQueue(group);
      queue.remove(se, cfs);
      if (seIsIdle && at.idleNrRunning !== undefined) overlay.add32(cfs, at.idleNrRunning, -1);
    }
    if (group !== nullVa && layout.entity.runnableWeight !== undefined)
      overlay.write64(se, layout.entity.runnableWeight, overlay.u32(group, at.hNrRunnable ?? at.hNrRunning));
    overlay.add32(cfs, at.hNrRunning, -1);
    if (at.hNrRunnable !== undefined) overlay.add32(cfs, at.hNrRunnable, -1);
    if (idle && at.idleHNrRunning !== undefined) overlay.add32(cfs, at.idleHNrRunning, -1);
    idle ||= isIdleQueue(cfs);
    const empty = overlay.u32(cfs, at.nrRunning) === 0;
    // update_idle_cfs_rq_clock_pelt (kernel/sched/pelt.h)
    if (leaves && empty && at.throttledPeltIdle !== undefined && at.throttledClockPeltTime !== undefined)
      overlay.copy64(cfs, at.throttledPeltIdle, cfs, at.throttledClockPeltTime);
    leaves &&= empty;
  }
}

/** list_del_init(&se->group_node): out of rq->cfs_tasks. */
function unlinkFromTasks({ layout, overlay }: DequeueTools, entity: GuestVa): void {
  const node = vaOffset(entity, layout.entity.groupNode);
  const next = overlay.pointer(node, listNext);
  const before = overlay.pointer(node, listPrev);
  overlay.write64(next, listPrev, before);
  overlay.write64(before, listNext, next);
  overlay.write64(node, listNext, node);
  overlay.write64(node, listPrev, node);
}

/** sched_info_dequeue: the wait for a CPU ends at the queue's clock. */
function leaveWaiting({ layout, overlay }: DequeueTools, task: GuestVa, rq: GuestVa): void {
  const { lastQueued, runDelay } = layout.task;
  if (lastQueued === undefined || runDelay === undefined || overlay.s64(task, lastQueued) === 0) return;
  const waitedNs = Math.max(0, overlay.difference(rq, layout.rq.clock, task, lastQueued));
  overlay.add64(task, runDelay, waitedNs);
  if (layout.rq.runDelay !== undefined) overlay.add64(rq, layout.rq.runDelay, waitedNs);
  overlay.write64(task, lastQueued, 0);
}

/** util_est_dequeue. */
function leaveUtilization({ layout, overlay }: DequeueTools, entity: GuestVa, rq: GuestVa): void {
  const { utilEst, utilEstEwma } = layout.entity;
  if (utilEst === undefined || layout.cfsRq.utilEst === undefined) return;
  const root = vaOffset(rq, layout.rq.cfs);
  const last = (overlay.u32(entity, utilEst) & ~UTIL_AVG_UNCHANGED) >>> 0;
  const own = utilEstEwma === undefined ? last : Math.max(last, overlay.u32(entity, utilEstEwma));
  const sum = overlay.u32(root, layout.cfsRq.utilEst);
  overlay.write32(root, layout.cfsRq.utilEst, sum - Math.min(sum, own));
}
