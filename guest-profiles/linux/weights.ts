import { vaOffset, type GuestVa } from "vmmsched/plugin-api";
import type { LinuxFacts } from "./facts.js";
import { scaleLoad } from "./run-queue/fair-queue.js";
import type { Load } from "./run-queue/reweigh.js";

/** MAX_RT_PRIO and NICE_WIDTH (include/linux/sched/prio.h): static_prio of nice -20 to 19 is 100 to 139. */
export const firstPriority = 100;
const niceWidth = 40;
const niceBase = 120;
/** sched_prio_to_weight of nice 0, of which the others are multiples of 1.25. */
const nice0Weight = 1024;

/** static_prio of a nice value. */
export function priorityOf(nice: number): number {
  return niceBase + nice;
}

export function isFairPriority(priority: number): boolean {
  return Number.isInteger(priority) && priority >= firstPriority && priority < firstPriority + niceWidth;
}

/**
 * What the guest's own kernel gives tasks of each static_prio from 100 on: its tables sched_prio_to_weight and
 * sched_prio_to_wmult (kernel/sched/core.c). In words why they are not to be had.
 */
export function readWeights({ space, symbols }: LinuxFacts): readonly Load[] | string {
  const weights = symbols.get("sched_prio_to_weight");
  const inverses = symbols.get("sched_prio_to_wmult");
  if (weights === undefined || inverses === undefined)
    return "the kernel has no symbols sched_prio_to_weight and sched_prio_to_wmult";
  const entry = (table: GuestVa, index: number): number =>
    space.u32(vaOffset(table, -(table & 7)), (table & 7) + 4 * index);
  const loads = Array.from({ length: niceWidth }, (_, i) => ({
    weight: entry(weights, i) * scaleLoad,
    inverse: entry(inverses, i),
  }));
  const fall = loads.every(({ weight }, i) => weight > 0 && weight < (loads[i - 1]?.weight ?? Infinity));
  return fall && loads[niceBase - firstPriority]?.weight === nice0Weight * scaleLoad
    ? loads
    : "sched_prio_to_weight is not what it is in Linux";
}
