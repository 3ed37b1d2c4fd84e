import type { TaskIdentity } from "../guest-profile.js";
import { taskStates, type TaskColumns } from "../snapshot/task-columns.js";
import { Heritage, type Originals } from "./heritage.js";
import {
  endOfProcess,
  entriesAround,
  entryOf,
  inheritableOf,
  newEntry,
  stays,
  type Entry,
  type ProcessEntries,
  type TaskPriority,
} from "./priority-entries.js";
import { ProcessTree } from "./process-tree.js";

const exited = taskStates.indexOf("exited");

/** A priority that a scheduler before this one has changed. */
export interface LeftPriority extends TaskIdentity {
  readonly process: number;
  readonly name: string;
  /** Of its process. */
  readonly parent: number;
  readonly original: number;
  /** What it may have by that scheduler, the last one first. */
  readonly ours: readonly number[];
  /** When the youngest task that it knew had been created. */
  readonly knownUntilNs: number;
}

/**
 * Whose priority we have changed in one domain, and what the guest itself gave them. Every thread of a process with a
 * changed one has an entry, so that a thread that is new there is known as new: if it has a value that is ours, it
 * inherited it, and gets back what the thread that has it got from the guest (the leader's, if it is one of them). So it is
 * with a process that is new, and its parent process ({@link Heritage}).
 */
export class PriorityLedger {
  readonly #processes = new Map<number, ProcessEntries>();
  /** Up to date while anything is changed. */
  readonly #tree = new ProcessTree();
  /** The last scan of a scheduler before this one knew the tasks that had been created until then; until the next scan. */
  #knownUntilNs: number | undefined;

  /** Nothing is changed, and nothing new can have inherited a change. */
  get empty(): boolean {
    return this.#processes.size === 0;
  }

  /** Tasks whose priority is not their own. */
  changed(): readonly TaskPriority[] {
    if (this.empty) return [];
    return [...this.#processes.values()].flatMap((tasks) =>
      [...tasks.values()].filter(({ set }) => set !== undefined),
    );
  }

  /** Calls `visit` for each of {@link changed}, and allocates nothing. */
  forEachChanged(visit: (task: TaskPriority) => void): void {
    for (const tasks of this.#processes.values())
      for (const task of tasks.values()) if (task.set !== undefined) visit(task);
  }

  /** What the guest gave the task in this row last. */
  ownOf(columns: TaskColumns, row: number): number {
    const tasks = this.#processes.get(columns.process[row] ?? 0);
    const entry = tasks === undefined ? undefined : entryOf(tasks, columns, row);
    return entry?.set === undefined ? (columns.priority[row] ?? 0) : entry.original;
  }

  /**
   * Takes over what a scheduler before this one has changed here. The next scan tells what of it still counts; who was created
   * since that scheduler's last look is new, and may have inherited.
   */
  resume(left: readonly LeftPriority[]): void {
    for (const { process, parent, original, ours, knownUntilNs, ...task } of left) {
      const tasks: ProcessEntries = this.#processes.get(process) ?? new Map<number, Entry>();
      this.#processes.set(process, tasks);
      const [set = original, setBefore = set] = ours;
      const { address, id, startTimeNs, name } = task;
      tasks.set(address, { address, id, startTimeNs, process, name, original, set, setBefore, seen: false });
      this.#tree.recall(process, parent);
      this.#knownUntilNs = Math.max(this.#knownUntilNs ?? 0, knownUntilNs);
    }
  }

  /**
   * The domain's tasks, all of them, as they have just been scanned: the rows from `begin` to `end`. What the guest has
   * changed since is its own; tasks that are gone are forgotten. Where a priority is ours, the own one goes to `wanted`.
   */
  observe(columns: TaskColumns, begin: number, end: number, wanted: Int32Array): void {
    const knownUntilNs = this.#knownUntilNs;
    this.#knownUntilNs = undefined;
    if (knownUntilNs !== undefined) {
      this.#tree.look(columns, begin, end, knownUntilNs);
      this.#recognise(columns, begin, end, knownUntilNs);
    }
    // Before anything is brought up to date: what is new was started when it was as it is in the ledger.
    const heritage = this.#tree.look(columns, begin, end) ? this.#heritage() : undefined;
    for (let row = begin; row < end;) {
      const next = endOfProcess(columns, row, end);
      const process = columns.process[row] ?? 0;
      const tasks = this.#processes.get(process);
      if (tasks !== undefined) observeProcess(tasks, columns, row, next, wanted);
      else if (heritage !== undefined && this.#tree.isNew(process)) {
        const inherited = inheritedEntries(heritage, columns, row, next, wanted);
        if (inherited !== undefined) this.#processes.set(process, inherited);
      }
      row = next;
    }
    for (const [process, tasks] of this.#processes) if (!stays(tasks)) this.#processes.delete(process);
  }

  /** The task in this row of the last scan, one of the domain's first `end` rows, had the priority `from`, and has `to` by us. */
  note(columns: TaskColumns, row: number, end: number, from: number, to: number): void {
    const process = columns.process[row] ?? 0;
    if (this.empty) this.#lookAround(columns, row, end);
    let tasks = this.#processes.get(process);
    if (tasks === undefined) this.#processes.set(process, (tasks = entriesAround(columns, row, end)));
    const entry = entryOf(tasks, columns, row);
    if (entry === undefined) return;
    if (entry.set === undefined) entry.original = from;
    entry.set = to === entry.original ? undefined : to;
  }

  /** Nobody can give anything back any more. */
  forget(): void {
    this.#processes.clear();
    this.#tree.forget();
    this.#knownUntilNs = undefined;
  }

  /** Outside of a scan: this task has its own priority again. */
  restored({ process, address }: TaskPriority): void {
    const entry = this.#processes.get(process)?.get(address);
    if (entry !== undefined) entry.set = undefined;
  }

  /** What was set last is known for certain from here on, and who was there is not new. */
  #recognise(columns: TaskColumns, begin: number, end: number, knownUntilNs: number): void {
    for (let row = begin; row < end; row++) {
      const tasks = this.#processes.get(columns.process[row] ?? 0);
      if (tasks === undefined) continue;
      const entry = entryOf(tasks, columns, row);
      const shown = columns.priority[row] ?? 0;
      if (entry?.setBefore === shown) entry.set = shown;
      else if (entry === undefined && (columns.startTimeNs[row] ?? 0) <= knownUntilNs) {
        const known = newEntry(columns, row);
        tasks.set(known.address, known);
      }
    }
  }

  #heritage(): Heritage {
    const originals = new Map<number, Originals>();
    for (const [process, tasks] of this.#processes) originals.set(process, inheritableOf(tasks));
    return new Heritage(this.#tree, originals);
  }

  /** The first change in the domain of this row: who is there now is not new later. */
  #lookAround(columns: TaskColumns, row: number, end: number): void {
    const { domain } = columns;
    let [begin, next] = [row, row + 1];
    while (begin > 0 && domain[begin - 1] === domain[row]) begin--;
    while (next < end && domain[next] === domain[row]) next++;
    this.#tree.forget();
    this.#tree.look(columns, begin, next);
  }
}

function observeProcess(
  tasks: ProcessEntries,
  columns: TaskColumns,
  begin: number,
  end: number,
  wanted: Int32Array,
): void {
  let inheritable: Originals | undefined;
  for (let row = begin; row < end && inheritable === undefined; row++)
    if (entryOf(tasks, columns, row) === undefined) inheritable = inheritableOf(tasks);
  for (let row = begin; row < end; row++) {
    if (columns.state[row] === exited) continue;
    const shown = columns.priority[row] ?? 0;
    let entry = entryOf(tasks, columns, row);
    if (entry === undefined) {
      entry = newEntry(columns, row);
      tasks.set(entry.address, entry);
      const original = inheritable?.get(shown);
      if (original !== undefined && original !== shown) Object.assign(entry, { original, set: shown });
    } else if (entry.set !== shown) entry.set = undefined;
    entry.seen = true;
    entry.setBefore = entry.set;
    if (entry.set !== undefined) wanted[row] = entry.original;
  }
}

/** Entries for the threads of a process that is new; undefined when none of them has inherited a priority of ours. */
function inheritedEntries(
  heritage: Heritage,
  columns: TaskColumns,
  begin: number,
  end: number,
  wanted: Int32Array,
): ProcessEntries | undefined {
  const tasks: ProcessEntries = new Map();
  let changed = false;
  for (let row = begin; row < end; row++) {
    if (columns.state[row] === exited) continue;
    const entry = newEntry(columns, row);
    tasks.set(entry.address, entry);
    entry.seen = true;
    const original = heritage.originalOf(columns, row);
    const shown = columns.priority[row] ?? 0;
    if (original === undefined || original === shown) continue;
    Object.assign(entry, { original, set: shown, setBefore: shown });
    wanted[row] = original;
    changed = true;
  }
  return changed ? tasks : undefined;
}
