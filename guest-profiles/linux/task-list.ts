import { isKernelObject, StructCursor, VmmschedError, formatVa, type GuestVa } from "vmmsched/plugin-api";
import type { LinuxFacts } from "./facts.js";

/** Offset of `prev` in struct list_head. */
const prev = 8;

/**
 * All task_structs of a guest but the idle tasks: process by process, leader first, as for_each_process_thread goes. The
 * lists change under us, so each link is followed only if the next node points back; a broken or endless one throws
 * ERR_GUEST_CORRUPT and the caller starts over.
 */
export class TaskList {
  /** The one that is visited. */
  readonly task: StructCursor;
  readonly #leader: StructCursor;
  readonly #head: StructCursor;
  readonly #node: StructCursor;
  readonly #group: StructCursor;
  readonly #threadNode: StructCursor;
  readonly #next: StructCursor;
  #visits = 0;
  #mostVisits = 0;

  constructor(private readonly facts: LinuxFacts) {
    const cursor = () => new StructCursor(facts.space);
    this.task = cursor();
    this.#leader = cursor();
    this.#head = cursor();
    this.#node = cursor();
    this.#group = cursor();
    this.#threadNode = cursor();
    this.#next = cursor();
  }

  /**
   * Calls `visit` for every task, which {@link task} shows. `mostTasks`: how many there is room for. A walk that meets more is
   * one without end: each link points back when it is followed, but a guest may close a ring behind us that no `visit` counts.
   */
  forEach(mostTasks: number, visit: (leader: boolean) => void): void {
    const { tasks } = this.facts.layout.task;
    this.#visits = 0;
    // A leader is met twice, on its list and among its threads; `visit` is the one to say that there is no room.
    this.#mostVisits = 2 * (mostTasks + 1);
    this.#leader.address = this.facts.initTask;
    this.#head.to(this.#leader, tasks);
    this.#node.to(this.#head);
    this.#follow(this.#node);
    while (!this.#node.same(this.#head)) {
      this.#leader.to(this.#node, -tasks);
      this.task.to(this.#leader);
      this.#count();
      visit(true);
      this.#forEachOtherThread(visit);
      this.#follow(this.#node);
    }
  }

  /** The threads of a process after its leader. */
  #forEachOtherThread(visit: (leader: boolean) => void): void {
    const { signal, threadNode } = this.facts.layout.task;
    this.#group.follow(this.#leader, signal);
    if (!this.#group.isObject()) throw broken(this.#leader.address);
    this.#group.to(this.#group, this.facts.layout.signal.threadHead);
    this.#threadNode.to(this.#group);
    this.#follow(this.#threadNode);
    while (!this.#threadNode.same(this.#group)) {
      this.task.to(this.#threadNode, -threadNode);
      this.#count();
      if (!this.task.same(this.#leader)) visit(false);
      this.#follow(this.#threadNode);
    }
  }

  #count(): void {
    if (++this.#visits > this.#mostVisits)
      throw new VmmschedError("ERR_GUEST_CORRUPT", "the lists of tasks do not end");
  }

  #follow(node: StructCursor): void {
    this.#next.follow(node, 0);
    if (!this.#next.isObject() || !this.#next.pointsTo(prev, node)) throw broken(node.address);
    node.to(this.#next);
  }
}

/** Is `node` still on its list: do both neighbours point to it? */
export function isLinked(facts: LinuxFacts, node: GuestVa): boolean {
  const next = facts.space.pointer(node, 0);
  const before = facts.space.pointer(node, prev);
  if (!isKernelObject(next) || !isKernelObject(before)) return false;
  return facts.space.pointsTo(next, prev, node) && facts.space.pointsTo(before, 0, node);
}

function broken(at: GuestVa): VmmschedError {
  return new VmmschedError("ERR_GUEST_CORRUPT", `the list at ${formatVa(at)} is broken or changing`, {
    va: formatVa(at),
  });
}
