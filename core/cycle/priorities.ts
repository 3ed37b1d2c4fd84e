import { noNice } from "../nice.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { EditLog } from "./edit-log.js";
import { isEditable } from "./reconcile.js";

/** Which priority each task is to have: the one that is wished, or the one that the guest itself gave it. */
export class Priorities {
  /** By row, in the guest's own scale. */
  readonly wanted: Int32Array;
  #rows = 0;

  constructor(
    private readonly columns: TaskColumns,
    private readonly registry: DomainRegistry,
    capacity: number,
  ) {
    this.wanted = new Int32Array(capacity);
  }

  /** How many tasks have a priority that is not their own, in the domains that the last tick could read. */
  get changed(): number {
    return this.registry.domains.reduce(
      (sum, domain) => sum + (domain.managed ? domain.priorities.changed().length : 0),
      0,
    );
  }

  /** Fills `wanted`, after a scan of this many rows. Where a profile cannot change priorities, nobody's is to change. */
  want(rows: number, nices: Int8Array): void {
    const { columns, wanted } = this;
    this.#rows = rows;
    wanted.set(columns.priority.subarray(0, rows));
    this.#observe();
    for (let row = 0; row < rows; row++) {
      const nice = nices[row] ?? noNice;
      if (nice === noNice || !isEditable(columns, row)) continue;
      const kernel = this.registry.bySlot(columns.domain[row] ?? -1)?.kernel;
      if (kernel?.priorityOf !== undefined) wanted[row] = kernel.priorityOf(nice);
    }
  }

  /** Keeps what the changes of this tick have made of priorities. */
  settle(editLog: EditLog): void {
    editLog.settlePriorities((row, from, to) => {
      const domain = this.registry.bySlot(this.columns.domain[row] ?? -1);
      domain?.priorities.note(this.columns, row, this.#rows, from, to);
    });
  }

  #observe(): void {
    for (const { kernel, managed, priorities, slot } of this.registry.domains) {
      if (!managed || priorities.empty) continue;
      // The kernel that could has been given up, and this one cannot give anything back.
      if (kernel?.priorityOf === undefined) {
        priorities.forget();
        continue;
      }
      let begin = 0;
      while (begin < this.#rows && this.columns.domain[begin] !== slot) begin++;
      let end = begin;
      while (end < this.#rows && this.columns.domain[end] === slot) end++;
      priorities.observe(this.columns, begin, end, this.wanted);
    }
  }
}
