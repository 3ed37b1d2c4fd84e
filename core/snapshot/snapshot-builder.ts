import { VmmschedError } from "../errors.js";
import type { TaskColumns } from "./task-columns.js";

/**
 * What a guest profile fills during a scan: it asks for a row, then writes that row's columns. A scan that meets a
 * broken list starts its domain over with {@link restartDomain}.
 */
export class SnapshotBuilder {
  #rows = 0;
  #slot = 0;
  #firstRow = 0;

  constructor(readonly columns: TaskColumns) {}

  /** Rows filled so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Empties the snapshot. */
  begin(): void {
    this.#rows = 0;
  }

  /** The rows that follow belong to the domain in `slot`. */
  beginDomain(slot: number): void {
    this.#slot = slot;
    this.#firstRow = this.#rows;
  }

  /** Forgets the rows of the domain being filled. */
  restartDomain(): void {
    this.#rows = this.#firstRow;
  }

  /**
   * A new row with its domain set, in which nothing is known that not every guest keeps; every other column is the caller's to
   * write. Throws ERR_SNAPSHOT_FULL.
   */
  addTask(): number {
    if (this.#rows === this.columns.capacity) {
      throw new VmmschedError(
        "ERR_SNAPSHOT_FULL",
        `the snapshot holds ${String(this.columns.capacity)} tasks; raise maxTasks in the configuration`,
      );
    }
    this.columns.domain[this.#rows] = this.#slot;
    this.columns.clearOptional(this.#rows);
    return this.#rows++;
  }
}
