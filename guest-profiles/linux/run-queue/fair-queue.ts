import { isKernelObject, nullVa, vaOffset, type GuestVa } from "vmmsched/plugin-api";
import { EntityOrder } from "./entity-order.js";
import type { RunQueueLayout } from "./layout.js";
import type { Overlay } from "./overlay.js";
import { eraseNode } from "./rb-tree.js";
import { TreeCheck } from "./tree-check.js";

/** Groups nest by cgroups and autogroups; deeper than this is a loop. */
export const mostLevels = 16;
/** SCHED_FIXEDPOINT_SHIFT as a factor: load.weight has 10 more bits than the weights of sched_prio_to_weight. */
const scaleLoad = 1024;
const nice0Weight = 1024;
/** Lag is bounded by two slices, and by a tick where that is more (entity_lag, kernel/sched/fair.c). */
const tickNs = 4e6;

/** The cfs_rqs of one CPU, one a level of the group hierarchy, as an overlay shows them. */
export class FairQueue {
  readonly #order: EntityOrder;
  readonly #tree: TreeCheck;

  constructor(
    private readonly overlay: Overlay,
    private readonly layout: RunQueueLayout,
  ) {
    this.#order = new EntityOrder(overlay, layout);
    this.#tree = new TreeCheck(overlay, this.#order);
  }

  /** cfs_rq_of. Without group scheduling there is one. */
  queueOf(entity: GuestVa, rq: GuestVa): GuestVa {
    const { cfsRq } = this.layout.entity;
    return cfsRq === undefined ? vaOffset(rq, this.layout.rq.cfs) : this.overlay.pointer(entity, cfsRq);
  }

  parentOf(entity: GuestVa): GuestVa {
    const { parent } = this.layout.entity;
    return parent === undefined ? nullVa : this.overlay.pointer(entity, parent);
  }

  /** The cfs_rq that a group's entity stands for; 0 for a task's. */
  groupQueueOf(entity: GuestVa): GuestVa {
    const { groupQueue } = this.layout.entity;
    return groupQueue === undefined ? nullVa : this.overlay.pointer(entity, groupQueue);
  }

  /** Entity of the tree's node at `index`, after {@link check}: in order of the tree. */
  entityAt(index: number): GuestVa {
    return this.#order.entity((this.#tree.nodes[index] ?? 0) as GuestVa);
  }

  /** How many entities the tree had that {@link check} looked at last. */
  get length(): number {
    return this.#tree.count;
  }

  /**
   * What of a cfs_rq does not fit together, if anything: its tree, and that its counts, weights and sums are those of its
   * entities. This holds whenever the run queue's lock is free.
   */
  check(cfs: GuestVa): string | undefined {
    const { overlay, layout } = this;
    const problem = this.#tree.check(vaOffset(cfs, layout.cfsRq.timeline));
    if (problem !== undefined) return problem;
    let [weight, tasks, load, sum, count] = [0, 0, 0, 0, this.#tree.count];
    for (let i = 0; i < this.#tree.count; i++) {
      const entity = this.entityAt(i);
      if (!this.#belongs(entity, cfs)) return "an entity in the tree is not queued here";
      const own = overlay.s64(entity, layout.entity.weight);
      weight += own;
      tasks += this.#tasksOf(entity);
      load += scaleDown(own);
      if (layout.lag !== undefined) sum += this.#key(entity, cfs) * scaleDown(own);
    }
    const current = this.#currentOf(cfs);
    if (current !== nullVa) {
      if (!this.#belongs(current, cfs)) return "curr is not queued here";
      weight += overlay.s64(current, layout.entity.weight);
      tasks += this.#tasksOf(current);
      count++;
    }
    if (overlay.u32(cfs, layout.cfsRq.nrRunning) !== count) return "nr_running is not the number of entities";
    if (overlay.u32(cfs, layout.cfsRq.hNrRunning) !== tasks)
      return "h_nr_running is not the number of tasks below";
    if (overlay.s64(cfs, layout.cfsRq.weight) !== weight) return "load.weight is not the sum of the weights";
    return layout.lag === undefined ? undefined : this.#checkSums(cfs, layout.lag, load, sum);
  }

  /** __dequeue_entity and account_entity_dequeue, without the lists of tasks. */
  remove(entity: GuestVa, cfs: GuestVa): void {
    const { overlay, layout } = this;
    const at = layout.cfsRq;
    for (const buddy of [at.next, at.last, at.skip])
      if (buddy !== undefined && overlay.pointer(cfs, buddy) === entity) overlay.write64(cfs, buddy, 0);
    const weight = overlay.s64(entity, layout.entity.weight);
    if (layout.lag !== undefined) {
      overlay.write64(entity, layout.lag.vlag, this.#lag(entity, cfs));
      overlay.add64(cfs, layout.lag.avgVruntime, -this.#key(entity, cfs) * scaleDown(weight));
      overlay.add64(cfs, layout.lag.avgLoad, -scaleDown(weight));
    }
    eraseNode(overlay, this.#order, vaOffset(cfs, at.timeline), vaOffset(entity, layout.entity.runNode));
    overlay.write8(entity, layout.entity.onRq, 0);
    overlay.add64(cfs, at.weight, -weight);
    overlay.write32(cfs, at.invWeight, 0);
    overlay.add32(cfs, at.nrRunning, -1);
  }

  #belongs(entity: GuestVa, cfs: GuestVa): boolean {
    const { overlay, layout } = this;
    const { cfsRq, onRq, weight } = layout.entity;
    const own = overlay.s64(entity, weight);
    return (
      overlay.u8(entity, onRq) === 1 &&
      own > 0 &&
      Number.isSafeInteger(own) &&
      (cfsRq === undefined || overlay.pointer(entity, cfsRq) === cfs)
    );
  }

  #tasksOf(entity: GuestVa): number {
    const group = this.groupQueueOf(entity);
    if (group === nullVa) return 1;
    return isKernelObject(group) ? this.overlay.u32(group, this.layout.cfsRq.hNrRunning) : Number.NaN;
  }

  /** cfs_rq.curr while it is queued: the entity that runs, which the tree does not have. */
  #currentOf(cfs: GuestVa): GuestVa {
    const current = this.overlay.pointer(cfs, this.layout.cfsRq.curr);
    if (current === nullVa || !isKernelObject(current)) return current;
    return this.overlay.u8(current, this.layout.entity.onRq) === 0 ? nullVa : current;
  }

  #checkSums(
    cfs: GuestVa,
    lag: NonNullable<RunQueueLayout["lag"]>,
    load: number,
    sum: number,
  ): string | undefined {
    if (this.overlay.s64(cfs, lag.avgLoad) !== load) return "avg_load is not the sum of the weights";
    if (!Number.isSafeInteger(sum)) return "avg_vruntime is too large to be computed with";
    return this.overlay.s64(cfs, lag.avgVruntime) === sum
      ? undefined
      : "avg_vruntime is not the weighted sum of virtual times";
  }

  /** entity_key. */
  #key(entity: GuestVa, cfs: GuestVa): number {
    const { lag } = this.layout;
    return lag === undefined
      ? 0
      : this.overlay.difference(entity, this.layout.entity.vruntime, cfs, lag.zero);
  }

  /** update_entity_lag: how far the entity is behind the average, avg_vruntime(), within bounds. */
  #lag(entity: GuestVa, cfs: GuestVa): number {
    const { overlay, layout } = this;
    if (layout.lag === undefined) return 0;
    let load = overlay.s64(cfs, layout.lag.avgLoad);
    let sum = overlay.s64(cfs, layout.lag.avgVruntime);
    const current = this.#currentOf(cfs);
    if (current !== nullVa) {
      const weight = scaleDown(overlay.s64(current, layout.entity.weight));
      load += weight;
      sum += this.#key(current, cfs) * weight;
    }
    const lag = Math.floor(sum / load) - this.#key(entity, cfs);
    const weight = scaleDown(overlay.s64(entity, layout.entity.weight));
    const slice = overlay.s64(entity, layout.lag.slice);
    const limit = Math.floor((Math.max(2 * slice, tickNs) * nice0Weight) / weight);
    return Math.min(Math.max(lag, -limit), limit);
  }
}

/** scale_load_down (kernel/sched/sched.h). */
function scaleDown(weight: number): number {
  return weight === 0 ? 0 : Math.max(2, Math.floor(weight / scaleLoad));
}
