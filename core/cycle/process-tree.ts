import type { TaskColumns } from "../snapshot/task-columns.js";

/** Longer lines of ancestors are not followed: what guests say may be a circle. */
const mostGenerations = 64;

interface Known {
  /** As the last scan that showed it said. */
  parent: number;
  /** Its first row in that scan. */
  row: number;
  /** Numbers of the first and of the last scan that showed it. */
  readonly since: number;
  last: number;
}

/**
 * The processes of one domain in the last scan, by process id, whose children they are, and which of them the scan before
 * did not show. Those that it alone showed are still known. An id that is used again within one interval counts as the same process.
 */
export class ProcessTree {
  readonly #known = new Map<number, Known>();
  #scan = 0;
  #shown = 0;

  /**
   * Takes over a scan: the rows from `begin` to `end`, of those the processes that began until `untilNs` in the guest's clock.
   * True when processes are new.
   */
  look(columns: TaskColumns, begin: number, end: number, untilNs = Number.POSITIVE_INFINITY): boolean {
    if (this.#shown < this.#known.size)
      for (const [process, { last }] of this.#known) if (last < this.#scan) this.#known.delete(process);
    this.#scan++;
    this.#shown = 0;
    let born = false;
    for (let row = begin; row < end; row++) {
      const process = columns.process[row] ?? 0;
      if (row > begin && columns.process[row - 1] === process) continue;
      if ((columns.startTimeNs[row] ?? 0) > untilNs) continue;
      const known = this.#known.get(process);
      if (known?.last === this.#scan) continue;
      this.#shown++;
      const parent = columns.parent[row] ?? 0;
      if (known !== undefined) Object.assign(known, { parent, row, last: this.#scan });
      else {
        this.#known.set(process, { parent, row, since: this.#scan, last: this.#scan });
        born = true;
      }
    }
    return born;
  }

  /** Somebody else has seen this process: it is known as if the next scan showed it. */
  recall(process: number, parent: number): void {
    this.#known.set(process, { parent, row: -1, since: this.#scan, last: this.#scan + 1 });
  }

  forget(): void {
    this.#known.clear();
  }

  /** The last scan showed it, the one before did not. */
  isNew(process: number): boolean {
    return this.#known.get(process)?.since === this.#scan;
  }

  /** Its first row in the last scan; undefined: it is not in it. */
  rowOf(process: number): number | undefined {
    const known = this.#known.get(process);
    return known?.last === this.#scan ? known.row : undefined;
  }

  /** Its nearest ancestor that was there before the last scan; 0: there is none, or it is not known. */
  forebear(process: number): number {
    let ancestor = this.#parentOf(process);
    for (let i = 0; i < mostGenerations && this.isNew(ancestor); i++) ancestor = this.#parentOf(ancestor);
    return this.isNew(ancestor) ? 0 : ancestor;
  }

  /** Is it a descendant of `ancestor`? */
  descends(process: number, ancestor: number): boolean {
    let each = this.#parentOf(process);
    for (let i = 0; i < mostGenerations && each !== 0; i++) {
      if (each === ancestor) return true;
      each = this.#parentOf(each);
    }
    return false;
  }

  #parentOf(process: number): number {
    return this.#known.get(process)?.parent ?? 0;
  }
}
