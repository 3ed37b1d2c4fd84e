import { holdStates, taskStates, type TaskColumns } from "../snapshot/task-columns.js";
import { TaskTable } from "../snapshot/task-table.js";

const none = holdStates.indexOf("none");
const exited = taskStates.indexOf("exited");
/** A task that lets itself go again within this time has made a habit of it. */
const memoryNs = 10e9;
/** Tasks that are remembered for each domain before old ones are forgotten. */
const mostRemembered = 64;

/** A task of ours that was found running. */
export interface Escape {
  readonly startTimeNs: number;
  readonly timeNs: number;
}

/** By address of the task. */
export type Escapes = Map<number, Escape>;

/**
 * Finds tasks that run although we hold them and have not let them go. Once proves nothing: who is killed is let go by its
 * kernel, to end. Who has ended up held again and is let go again is not on its way out.
 */
export class LetGo {
  readonly #held: TaskTable;
  #isEmpty = true;

  constructor(capacity: number) {
    this.#held = new TaskTable(capacity);
  }

  /** Forgets what was held. */
  beginTick(): void {
    if (!this.#isEmpty) this.#held.clear();
    this.#isEmpty = true;
  }

  /** This task is held when the tick ends. */
  remember(slot: number, address: number, startTimeNs: number): void {
    this.#held.put(slot, address, startTimeNs, 1);
    this.#isEmpty = false;
  }

  /** Has the task in this row let itself go, not for the first time? */
  again(columns: TaskColumns, row: number, escapes: Escapes, nowNs: number): boolean {
    if (this.#isEmpty || columns.hold[row] !== none || columns.state[row] === exited) return false;
    const [address, startTimeNs] = [columns.address[row] ?? 0, columns.startTimeNs[row] ?? 0];
    if (this.#held.get(columns.domain[row] ?? 0, address, startTimeNs) < 0) return false;
    const before = escapes.get(address);
    if (escapes.size >= mostRemembered)
      for (const [old, { timeNs }] of escapes) if (nowNs - timeNs > memoryNs) escapes.delete(old);
    escapes.set(address, { startTimeNs, timeNs: nowNs });
    return before?.startTimeNs === startTimeNs && nowNs - before.timeNs <= memoryNs;
  }
}
