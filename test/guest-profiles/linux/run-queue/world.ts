import { fourLevelPaging } from "../../../../core/memory/paging.js";
import { AddressSpace } from "../../../../core/memory/address-space.js";
import { vaFromBigInt, type GuestVa } from "../../../../core/memory/address.js";
import { EditTransaction } from "../../../../core/memory/edit-transaction.js";
import { dequeueTask, type DequeueTools } from "../../../../guest-profiles/linux/run-queue/dequeue.js";
import { FairQueue } from "../../../../guest-profiles/linux/run-queue/fair-queue.js";
import type { RunQueueLayout } from "../../../../guest-profiles/linux/run-queue/layout.js";
import { Overlay } from "../../../../guest-profiles/linux/run-queue/overlay.js";
import { Pressure } from "../../../../guest-profiles/linux/run-queue/psi.js";
import { reweighTask, type Load } from "../../../../guest-profiles/linux/run-queue/reweigh.js";
import { Machine } from "../../../core/memory/machine.js";
import type { PsiLayout } from "../../../../guest-profiles/linux/run-queue/psi-layout.js";
import { psiLayout } from "./layouts.js";
import { blocked, loadAverageOf, loadSumOf } from "./load-average.js";
import { PressureWorld } from "./pressure-world.js";
import { randomTree, type Shape } from "./red-black.js";

const base = 0xffff888000000000n;
const pageCount = 2048;
const taskBytes = 0x2800n;
export const clockNs = 5_000_000_000n;
const overlay = new Overlay();

/** One entity of the plain model: a task, or a group with members. */
export interface Entity {
  readonly name: string;
  readonly va: bigint;
  /** Entity itself: inside the task_struct for tasks. */
  readonly se: bigint;
  weight: bigint;
  vruntime: bigint;
  deadline: bigint;
  /** se.avg.load_sum and period_contrib. */
  loadSum: bigint;
  contrib: bigint;
  readonly slice: bigint;
  readonly idle: boolean;
  readonly members?: Entity[];
  /** A group's cfs_rq. */
  readonly queue?: bigint;
}

/** What a queue is made of. */
export interface EntityPlan {
  readonly weight: number;
  readonly lag: number;
  readonly slice: number;
  readonly idle: boolean;
  readonly members?: readonly EntityPlan[];
}

/** A run queue of one CPU, laid out in guest memory beside a plain model of it. */
export class World {
  readonly machine = new Machine(fourLevelPaging);
  readonly space: AddressSpace;
  readonly rq: bigint;
  readonly area = base + 0x40000n;
  readonly root: Entity[];
  readonly pressure: PressureWorld;
  readonly #tools: DequeueTools;
  #next = base + 0x100000n;
  #names = 0;

  constructor(
    readonly layout: RunQueueLayout,
    readonly zero: bigint,
    plan: readonly EntityPlan[],
    /** Is it the task that has the CPU, or a group above that one? */
    readonly runs: (entity: Entity) => boolean,
    pick: (below: number) => number,
    psi: PsiLayout = psiLayout,
    /** Has the kernel a key that switches cgroups off? */
    withKey = true,
  ) {
    for (let page = 0; page < pageCount; page++) {
      this.machine.fill(page + 1);
      this.machine.map(base + BigInt(page) * 4096n, page + 1);
    }
    this.space = new AddressSpace(this.machine, fourLevelPaging, this.machine.root);
    this.rq = this.area;
    this.root = this.#entities(plan);
    this.pressure = new PressureWorld(this, psi, base + 0x20000n, this.area);
    this.#tools = {
      fairClass: vaFromBigInt(base + 0x18000n),
      layout,
      overlay,
      queue: new FairQueue(overlay, layout),
      pressure: new Pressure(overlay, psi, this.pressure.symbols(withKey)),
    };
    this.#lay(pick);
  }

  /** The dequeue of the product, committed to memory. Returns what forbade it. */
  dequeue(task: Entity): string | undefined {
    return this.#edit(
      () =>
        dequeueTask(this.#tools, vaFromBigInt(task.va), vaFromBigInt(this.rq), vaFromBigInt(this.area))?.why,
    );
  }

  /** The same of the product's change of a load. */
  reweigh(task: Entity, load: Load): string | undefined {
    return this.#edit(() => reweighTask(this.#tools, vaFromBigInt(task.va), vaFromBigInt(this.rq), load));
  }

  #edit(stage: () => string | undefined): string | undefined {
    const edit = new EditTransaction();
    this.space.flush();
    edit.begin(this.space);
    overlay.begin(this.space);
    const refusal = stage();
    if (refusal !== undefined) return refusal;
    overlay.stage(edit);
    return edit.commit(this.machine.paused()) === "committed" ? undefined : "not committed";
  }

  r32(va: bigint, offset: number): number {
    return this.space.u32(vaFromBigInt(va), offset);
  }

  r64(va: bigint, offset: number): bigint {
    return BigInt(this.r32(va, offset)) | (BigInt(this.r32(va, offset + 4)) << 32n);
  }

  w32(va: bigint, offset: number, value: number): void {
    const at: GuestVa = vaFromBigInt(va);
    this.machine.write32(this.space.frame(at, offset), (Number(va & 0xfffn) + offset) & 0xfff, value);
  }

  w64(va: bigint, offset: number, value: bigint): void {
    this.w32(va, offset, Number(BigInt.asUintN(32, value)));
    this.w32(va, offset + 4, Number(BigInt.asUintN(32, value >> 32n)));
  }

  get rootQueue(): bigint {
    return this.rq + BigInt(this.layout.rq.cfs);
  }

  #entities(plan: readonly EntityPlan[]): Entity[] {
    const seen = new Set<bigint>();
    return plan.map((one) => {
      const va = this.#next;
      this.#next += taskBytes;
      let vruntime = this.zero + BigInt(one.lag);
      // Virtual times that are equal have no order to compare with.
      while (seen.has(vruntime)) vruntime++;
      seen.add(vruntime);
      const members = one.members === undefined ? {} : { members: this.#entities(one.members), queue: va };
      const inTask = BigInt(this.layout.task.entity);
      return {
        name: `e${String(this.#names++)}`,
        va,
        se: one.members === undefined ? va + inTask : va + 0x400n,
        weight: BigInt(one.weight) << 10n,
        vruntime: BigInt.asUintN(64, vruntime),
        deadline: BigInt.asUintN(64, vruntime * 1n + BigInt(one.slice)),
        slice: BigInt(one.slice),
        loadSum: 0n,
        contrib: 0n,
        idle: one.idle,
        ...members,
      };
    });
  }

  #lay(pick: (below: number) => number): void {
    const { rq, layout } = this;
    this.w64(rq, layout.rq.clock, clockNs);
    const head = rq + BigInt(layout.rq.cfsTasks);
    this.w64(head, 0, head);
    this.w64(head, 8, head);
    const tasks = this.#layQueue(this.rootQueue, this.root, 0n, pick);
    this.w32(rq, layout.rq.nrRunning, tasks);
    this.pressure.lay(tasks, clockNs);
  }

  #layQueue(
    cfs: bigint,
    entities: readonly Entity[],
    parent: bigint,
    pick: (below: number) => number,
  ): number {
    const { layout } = this;
    let tasks = 0;
    for (const entity of entities) {
      const { se } = entity;
      this.w64(se, layout.entity.weight, entity.weight);
      this.#layLoad(entity, pick);
      this.w64(se, layout.entity.vruntime, entity.vruntime);
      if (layout.entity.deadline !== undefined) this.w64(se, layout.entity.deadline, entity.deadline);
      if (layout.entity.slice !== undefined) this.w64(se, layout.entity.slice, entity.slice);
      // The bytes beside se.on_rq are members of their own in EEVDF kernels.
      this.w32(se, layout.entity.onRq, layout.lag === undefined ? 1 : 0x01000001);
      this.w64(se, layout.entity.cfsRq ?? 0, cfs);
      this.w64(se, layout.entity.parent ?? 0, parent);
      if (entity.members === undefined || entity.queue === undefined) {
        tasks++;
        this.#layTask(entity);
      } else {
        this.w64(se, layout.entity.groupQueue ?? 0, entity.queue);
        tasks += this.#layQueue(entity.queue, entity.members, se, pick);
      }
    }
    this.#layCounts(cfs, entities, tasks);
    const sorted = this.sorted(entities);
    const shape = randomTree(0, sorted.length, pick);
    const tree = cfs + BigInt(layout.cfsRq.timeline);
    this.#layTree(sorted, shape, 0n);
    this.w64(tree, 0, shape === undefined ? 0n : this.#node(sorted[shape.item]));
    this.w64(tree, 8, sorted.length === 0 ? 0n : this.#node(sorted[0]));
    return tasks;
  }

  /** Entities that the tree has, in its order: all but the one that runs. */
  sorted(entities: readonly Entity[]): readonly Entity[] {
    const byDeadline = this.layout.tree.key === this.layout.entity.deadline;
    const key = (entity: Entity): bigint => (byDeadline ? entity.deadline : entity.vruntime);
    return entities
      .filter((entity) => !this.runs(entity))
      .toSorted((a, b) => (BigInt.asIntN(64, key(a) - key(b)) < 0n ? -1 : 1));
  }

  #layLoad(entity: Entity, pick: (below: number) => number): void {
    const { loadAvg = 0, loadSum = 0, periodContrib = 0 } = this.layout.entity;
    entity.loadSum = BigInt(pick(47742));
    entity.contrib = BigInt(pick(1024));
    this.w64(entity.se, loadSum, entity.loadSum);
    this.w32(entity.se, periodContrib, Number(entity.contrib));
    this.w64(entity.se, loadAvg, loadAverageOf(entity));
  }

  #layTask({ va, se }: Entity): void {
    const { layout } = this;
    const head = this.rq + BigInt(layout.rq.cfsTasks);
    const node = se + BigInt(layout.entity.groupNode);
    const next = this.r64(head, 0);
    this.w64(node, 0, next);
    this.w64(node, 8, head);
    this.w64(next, 8, node);
    this.w64(head, 0, node);
    this.w64(va, layout.task.schedClass, base + 0x18000n);
    this.w32(va, layout.task.policy, 0);
    this.w32(va, layout.task.numaPreferredNode ?? 0, 0xffffffff);
    this.w64(va, layout.task.lastQueued ?? 0, clockNs - 7n);
    this.w32(va, layout.contributesToLoad.word, 0xffffffff);
    this.pressure.layTask(va);
  }

  #layCounts(cfs: bigint, entities: readonly Entity[], tasks: number): void {
    const { layout } = this;
    const at = layout.cfsRq;
    const inTree = this.sorted(entities);
    this.w32(cfs, at.nrRunning, entities.length);
    this.w32(cfs, at.hNrRunning, tasks);
    if (at.hNrRunnable !== undefined) this.w32(cfs, at.hNrRunnable, tasks);
    this.w64(
      cfs,
      at.weight,
      sumOf(entities, ({ weight }) => weight),
    );
    this.w32(cfs, at.invWeight, 1234);
    this.w64(cfs, at.loadAvg ?? 0, sumOf(entities, loadAverageOf) + blocked.average);
    this.w64(cfs, at.loadSum ?? 0, sumOf(entities, loadSumOf) + blocked.sum);
    const current = entities.find((entity) => !inTree.includes(entity));
    this.w64(cfs, at.curr, current?.se ?? 0n);
    if (layout.lag === undefined) return;
    this.w64(cfs, layout.lag.zero, BigInt.asUintN(64, this.zero));
    this.w64(
      cfs,
      layout.lag.avgLoad,
      sumOf(inTree, ({ weight }) => weight >> 10n),
    );
    this.w64(cfs, layout.lag.avgVruntime, this.weightedLag(inTree));
  }

  /** avg_vruntime of these entities. */
  weightedLag(entities: readonly Entity[]): bigint {
    return sumOf(entities, (one) => BigInt.asIntN(64, one.vruntime - this.zero) * (one.weight >> 10n));
  }

  #layTree(sorted: readonly Entity[], shape: Shape | undefined, parent: bigint): void {
    if (shape === undefined) return;
    const node = this.#node(sorted[shape.item]);
    this.w64(node, 0, parent | (shape.red ? 0n : 1n));
    for (const [offset, child] of [
      [8, shape.right],
      [16, shape.left],
    ] as const) {
      this.w64(node, offset, child === undefined ? 0n : this.#node(sorted[child.item]));
      this.#layTree(sorted, child, node);
    }
    for (const { own, smallest } of this.layout.tree.augmented) {
      const values = itemsOf(shape).map((item) => this.r64(sorted[item]?.se ?? 0n, own));
      this.w64(sorted[shape.item]?.se ?? 0n, smallest, least(values));
    }
  }

  #node(entity: Entity | undefined): bigint {
    return (entity?.se ?? 0n) + BigInt(this.layout.entity.runNode);
  }
}

export function sumOf(entities: readonly Entity[], value: (entity: Entity) => bigint): bigint {
  return entities.reduce((sum, entity) => sum + value(entity), 0n);
}

/** The smallest of virtual times, which wrap around. */
export function least(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (BigInt.asIntN(64, b - a) < 0n ? b : a));
}

function itemsOf(shape: Shape | undefined): readonly number[] {
  return shape === undefined ? [] : [...itemsOf(shape.left), shape.item, ...itemsOf(shape.right)];
}
