import type { TaskColumns } from "./task-columns.js";
import { TaskTable } from "./task-table.js";

/**
 * CPU time of each task since the snapshot before. Allocates nothing after the first one.
 */
export class CpuTimeDeltas {
  #before: TaskTable;
  #now: TaskTable;

  constructor(capacity: number) {
    this.#before = new TaskTable(capacity);
    this.#now = new TaskTable(capacity);
  }

  /**
   * Fills `cpuTimeDeltaNs` of the first `rows` rows. A task that was not there before has used all its time since; but
   * where nothing of its domain was there before, nothing is known and the delta is 0.
   */
  update(columns: TaskColumns, rows: number): void {
    const { before, now } = { before: this.#before, now: this.#now };
    now.clear();
    for (let row = 0; row < rows; row++) {
      const slot = columns.domain[row] ?? 0;
      const address = columns.address[row] ?? 0;
      const startTimeNs = columns.startTimeNs[row] ?? 0;
      const cpuTimeNs = columns.cpuTimeNs[row] ?? 0;
      const known = Math.max(before.get(slot, address, startTimeNs), 0);
      columns.cpuTimeDeltaNs[row] = before.hasSlot(slot) ? cpuTimeNs - known : 0;
      now.put(slot, address, startTimeNs, cpuTimeNs);
    }
    this.#before = now;
    this.#now = before;
  }
}
