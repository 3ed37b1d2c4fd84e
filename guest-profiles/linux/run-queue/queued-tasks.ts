import { StructCursor, vaOffset } from "vmmsched/plugin-api";
import type { LinuxFacts } from "../facts.js";
import { mostLevels } from "./fair-queue.js";
import type { RunQueueLayout } from "./layout.js";

/** More than a guest ever has to do, on all CPUs together; what is beyond is not looked at. */
const mostEntities = 16384;
/** Links from the root of a tree; a red-black tree of that many entities has less. */
const deepest = 40;
const right = 8;
const left = 16;

/** Depth, in place of that of a node in its tree, of a queue that is to be looked at. */
const queueItself = 255;
/** Of each queue on the way down, the nodes beside the way; a queue and the one that runs. */
const mostWaiting = mostLevels * (2 * deepest + 2);

/**
 * The tasks that are on the fair run queues of all CPUs or run there, without the idle tasks. Works on a running guest: trees
 * change under the walk, so a task may be missed, and what is found need not be a task any more. Bounded, whatever the
 * guest's memory says. Addresses stay in typed arrays on the way: nothing is allocated.
 */
export class QueuedTasks {
  /** Addresses of the task_structs that were found. */
  readonly found = new Float64Array(mostEntities);
  #count = 0;
  /** What is still to be looked at, with its depth in its tree and the level of its queue. */
  readonly #waiting = new Float64Array(mostWaiting);
  readonly #depths = new Uint8Array(mostWaiting);
  readonly #levels = new Uint8Array(mostWaiting);
  #height = 0;
  /** Entities that this walk may still look at. */
  #left = 0;
  readonly #rqs: readonly StructCursor[];
  readonly #at: StructCursor;
  readonly #entity: StructCursor;
  readonly #pointer: StructCursor;

  constructor(private readonly facts: LinuxFacts) {
    const cursor = () => new StructCursor(facts.space);
    const offset = facts.symbols.get("runqueues");
    const cpus = offset === undefined ? [] : facts.cpus;
    this.#rqs = cpus.map(({ area }) => {
      const rq = cursor();
      rq.address = vaOffset(area, offset ?? 0);
      return rq;
    });
    this.#at = cursor();
    this.#entity = cursor();
    this.#pointer = cursor();
  }

  /** How many tasks the last look found, also where it met a page that is not there. */
  get count(): number {
    return this.#count;
  }

  /** Throws where a page is not there. */
  look(): void {
    const { runQueue } = this.facts;
    this.#count = 0;
    this.#height = 0;
    if (typeof runQueue === "string") return;
    this.#left = mostEntities;
    for (const rq of this.#rqs) {
      this.#pointer.follow(rq, runQueue.rq.curr);
      if (this.#pointer.isObject() && !rq.pointsTo(runQueue.rq.idle, this.#pointer)) this.#add(this.#pointer);
      this.#pointer.to(rq, runQueue.rq.cfs);
      this.#wait(queueItself, 0);
      while (this.#height > 0) this.#next(runQueue);
    }
  }

  #next(layout: RunQueueLayout): void {
    const top = --this.#height;
    this.#at.load(this.#waiting, top);
    const depth = this.#depths[top] ?? 0;
    const level = this.#levels[top] ?? 0;
    if (depth === queueItself) {
      this.#pointer.follow(this.#at, layout.cfsRq.timeline);
      this.#wait(0, level);
      // Of a group, one entity may run, while others of the same group wait.
      this.#entity.follow(this.#at, layout.cfsRq.curr);
      if (this.#entity.isObject()) this.#group(layout, level);
    } else if (this.#left-- > 0) this.#node(layout, depth, level);
  }

  #node(layout: RunQueueLayout, depth: number, level: number): void {
    this.#entity.to(this.#at, -layout.entity.runNode);
    if (!this.#group(layout, level)) {
      this.#pointer.to(this.#entity, -layout.task.entity);
      this.#add(this.#pointer);
    }
    if (depth + 1 === deepest) return;
    this.#pointer.follow(this.#at, right);
    this.#wait(depth + 1, level);
    this.#pointer.follow(this.#at, left);
    this.#wait(depth + 1, level);
  }

  /** The queue of the group that the entity stands for is to be looked at; false where it stands for a task. */
  #group(layout: RunQueueLayout, level: number): boolean {
    const { groupQueue } = layout.entity;
    if (groupQueue === undefined) return false;
    this.#pointer.follow(this.#entity, groupQueue);
    if (!this.#pointer.isObject()) return false;
    if (level + 1 < mostLevels) this.#wait(queueItself, level + 1);
    return true;
  }

  /** What the pointer points to is to be looked at. */
  #wait(depth: number, level: number): void {
    if (!this.#pointer.isObject() || this.#height === mostWaiting) return;
    this.#pointer.storeAddress(this.#waiting, this.#height);
    this.#depths[this.#height] = depth;
    this.#levels[this.#height++] = level;
  }

  #add(task: StructCursor): void {
    if (this.#count < mostEntities) task.storeAddress(this.found, this.#count++);
  }
}
