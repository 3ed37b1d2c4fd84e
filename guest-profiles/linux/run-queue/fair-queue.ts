import { isKernelObject, nullVa, vaOffset, type GuestVa } from "vmmsched/plugin-api";
import { EntityOrder } from "./entity-order.js";
import type { RunQueueLayout } from "./layout.js";
import type { Overlay } from "./overlay.js";
import { eraseNode, insertNode } from "./rb-tree.js";
import { TreeCheck } from "./tree-check.js";

/** Groups nest by cgroups and autogroups; deeper than this is a loop. */
export const mostLevels = 16;
/** SCHED_FIXEDPOINT_SHIFT as a factor: load.weight has 10 more bits than the weights of sched_prio_to_weight. */
export const scaleLoad = 1024;
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
    if (layout.lag !== undefined) overlay.write64(entity, layout.lag.vlag, this.#lag(entity, cfs));
    this.#takeOut(entity, cfs);
    overlay.write8(entity, layout.entity.onRq, 0);
    overlay.add64(cfs, at.weight, -weight);
    overlay.write32(cfs, at.invWeight, 0);
    overlay.add32(cfs, at.nrRunning, -1);
  }

  /** Has the queue that {@link check} looked at last this entity: in its tree, or running? */
  has(entity: GuestVa, cfs: GuestVa): boolean {
    if (this.#currentOf(cfs) === entity) return true;
    for (let i = 0; i < this.length; i++) if (this.entityAt(i) === entity) return true;
    return false;
  }

  /**
   * reweight_entity and reweight_eevdf of an entity that {@link has} has found, but for its load averages. In EEVDF lag
   * and what is left of the deadline are kept in terms of service, so virtual times change, and with them the place in the
   * tree; in CFS they do not. False where they are too large to be computed with: then nothing may be staged.
   */
  reweigh(entity: GuestVa, cfs: GuestVa, weight: number): boolean {
    const { overlay, layout } = this;
    const before = overlay.s64(entity, layout.entity.weight);
    const inTree = this.#currentOf(cfs) !== entity;
    const { lag } = layout;
    overlay.add64(cfs, layout.cfsRq.weight, weight - before);
    overlay.write32(cfs, layout.cfsRq.invWeight, 0);
    if (lag === undefined) {
      overlay.write64(entity, layout.entity.weight, weight);
      return true;
    }
    const average = this.#average(cfs);
    // In units of sched_prio_to_weight: the quotients are the same.
    const [from, to] = [before / scaleLoad, weight / scaleLoad];
    const left = (overlay.difference(entity, lag.deadline, cfs, lag.zero) - average) * from;
    const owed = this.#lag(entity, cfs) * from;
    if (!Number.isSafeInteger(owed) || !Number.isSafeInteger(left)) return false;
    // 63304558ba5d: while it runs, a vlag that is the deadline keeps it from being preempted before (6.6)
    const isProtected = !inTree && overlay.difference(entity, lag.vlag, entity, lag.deadline) === 0;
    if (inTree) this.#takeOut(entity, cfs);
    overlay.copy64(entity, layout.entity.vruntime, cfs, lag.zero);
    overlay.add64(entity, layout.entity.vruntime, average - Math.trunc(owed / to));
    overlay.copy64(entity, lag.deadline, cfs, lag.zero);
    overlay.add64(entity, lag.deadline, average + Math.trunc(left / to));
    if (isProtected) overlay.copy64(entity, lag.vlag, entity, lag.deadline);
    overlay.write64(entity, layout.entity.weight, weight);
    if (inTree) this.#putIn(entity, cfs);
    return true;
  }

  /** __dequeue_entity. */
  #takeOut(entity: GuestVa, cfs: GuestVa): void {
    this.#addToSums(entity, cfs, -1);
    const { cfsRq, entity: at } = this.layout;
    eraseNode(this.overlay, this.#order, vaOffset(cfs, cfsRq.timeline), vaOffset(entity, at.runNode));
  }

  /** __enqueue_entity. */
  #putIn(entity: GuestVa, cfs: GuestVa): void {
    this.#addToSums(entity, cfs, 1);
    const { cfsRq, entity: at } = this.layout;
    insertNode(this.overlay, this.#order, vaOffset(cfs, cfsRq.timeline), vaOffset(entity, at.runNode));
  }

  /** avg_vruntime_add, avg_vruntime_sub. */
  #addToSums(entity: GuestVa, cfs: GuestVa, by: 1 | -1): void {
    const { overlay, layout } = this;
    if (layout.lag === undefined) return;
    const weight = by * scaleDown(overlay.s64(entity, layout.entity.weight));
    overlay.add64(cfs, layout.lag.avgVruntime, this.#key(entity, cfs) * weight);
    overlay.add64(cfs, layout.lag.avgLoad, weight);
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

  /** avg_vruntime, relative to what the sums are relative to. */
  #average(cfs: GuestVa): number {
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
    return Math.floor(sum / load);
  }

  /** entity_lag: how far the entity is behind the average, within bounds. */
  #lag(entity: GuestVa, cfs: GuestVa): number {
    const { overlay, layout } = this;
    if (layout.lag === undefined) return 0;
    const lag = this.#average(cfs) - this.#key(entity, cfs);
    const weight = scaleDown(overlay.s64(entity, layout.entity.weight));
    const slice = overlay.s64(entity, layout.lag.slice);
    const limit = Math.floor((Math.max(2 * slice, tickNs) * nice0Weight) / weight);
    return Math.min(Math.max(lag, -limit), limit);
  }
}

/** scale_load_down (kernel/sched/sched.h). */
export function scaleDown(weight: number): number {
  return weight === 0 ? 0 : Math.max(2, Math.floor(weight / scaleLoad));
}
