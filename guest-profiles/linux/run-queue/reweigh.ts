import { isKernelObject, vaOffset, type GuestVa } from "vmmsched/plugin-api";
import { scaleDown, scaleLoad, type FairQueue } from "./fair-queue.js";
import type { RunQueueLayout } from "./layout.js";
import type { Overlay } from "./overlay.js";

/** PELT_MIN_DIVIDER: LOAD_AVG_MAX - 1024 (kernel/sched/pelt.h, sched-pelt.h; the same in 5.10, 6.1 and 6.12). */
const peltMinDivider = 47742 - 1024;

/** struct load_weight of a task: `weight` as load.weight has it, with 10 more bits than sched_prio_to_weight. */
export interface Load {
  readonly weight: number;
  readonly inverse: number;
}

/** What the surgery works with. */
export interface ReweighTools {
  readonly layout: RunQueueLayout;
  readonly overlay: Overlay;
  readonly queue: FairQueue;
}

/**
 * reweight_task (kernel/sched/fair.c of 5.10, 6.1 and 6.12) on the overlay, for a fair task of the run queue at `rq`, with
 * rq's lock and the task's pi_lock free: queued, running or asleep. Its queue is checked before and after. Returns what is
 * wrong with it, undefined when the task has its new load.
 *
 * A task that runs is charged up to the guest's last update_curr(), a tick ago at most; what it has run since then will be
 * charged by the new weight, as if the change had been made then. Groups are left to the guest: update_cfs_group() at the
 * next tick, wake-up or sleep below them.
 */
export function reweighTask(
  { layout, overlay, queue }: ReweighTools,
  task: GuestVa,
  rq: GuestVa,
  load: Load,
): string | undefined {
  const entity = vaOffset(task, layout.task.entity);
  const cfs = queue.queueOf(entity, rq);
  if (!isKernelObject(cfs)) return "it has no cfs_rq";
  const isQueued = overlay.u8(entity, layout.entity.onRq) !== 0;
  // What was looked at only to be checked decides nothing that is written.
  overlay.watch(false);
  const broken = isQueued ? queue.check(cfs) : undefined;
  if (broken !== undefined) return broken;
  if (isQueued && !queue.has(entity, cfs)) return "it is not in its queue";
  overlay.watch(true);
  if (!moveLoadAverage(layout, overlay, entity, cfs, load.weight)) return "its load averages are too large";
  if (isQueued) {
    if (!queue.reweigh(entity, cfs, load.weight)) return "its lag is too large";
  } else {
    if (!scaleLag(layout, overlay, entity, load.weight)) return "its lag is too large";
    overlay.write64(entity, layout.entity.weight, load.weight);
  }
  overlay.write32(entity, layout.entity.invWeight, load.inverse);
  overlay.watch(false);
  return isQueued ? queue.check(cfs) : undefined;
}

/** The lag that a task of EEVDF sleeps with is kept in terms of service. False where it is too large. */
function scaleLag(layout: RunQueueLayout, overlay: Overlay, entity: GuestVa, weight: number): boolean {
  if (layout.lag === undefined) return true;
  const before = overlay.s64(entity, layout.entity.weight);
  const service = (overlay.s64(entity, layout.lag.vlag) * before) / scaleLoad;
  overlay.write64(entity, layout.lag.vlag, Math.trunc(service / (weight / scaleLoad)));
  return Number.isSafeInteger(service);
}

/** dequeue_load_avg, the entity's own load_avg by its new weight, and enqueue_load_avg. False where they are no numbers. */
function moveLoadAverage(
  layout: RunQueueLayout,
  overlay: Overlay,
  entity: GuestVa,
  cfs: GuestVa,
  weight: number,
): boolean {
  const { loadAvg, loadSum, periodContrib, weight: weightAt } = layout.entity;
  const { loadAvg: queueAvg, loadSum: queueSum } = layout.cfsRq;
  // Without CONFIG_SMP nothing is averaged.
  if (loadAvg === undefined || loadSum === undefined || periodContrib === undefined) return true;
  if (queueAvg === undefined || queueSum === undefined) return true;
  const [before, after] = [scaleDown(overlay.s64(entity, weightAt)), scaleDown(weight)];
  const sum = overlay.s64(entity, loadSum);
  const average = overlay.s64(entity, loadAvg);
  const ownAfter = Math.floor((after * sum) / (peltMinDivider + overlay.u32(entity, periodContrib)));
  const restAvg = Math.max(0, overlay.s64(cfs, queueAvg) - average);
  const left = Math.max(0, overlay.s64(cfs, queueSum) - before * sum);
  const restSum = Math.max(left, restAvg * peltMinDivider);
  const written = [ownAfter, restAvg + ownAfter, restSum + after * sum];
  if (sum < 0 || average < 0 || !written.every((value) => Number.isSafeInteger(value))) return false;
  overlay.write64(entity, loadAvg, ownAfter);
  overlay.write64(cfs, queueAvg, restAvg + ownAfter);
  overlay.write64(cfs, queueSum, restSum + after * sum);
  return true;
}
