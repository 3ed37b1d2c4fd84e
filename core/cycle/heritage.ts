import type { TaskColumns } from "../snapshot/task-columns.js";
import type { ProcessTree } from "./process-tree.js";

/** Priorities that are ours, with what the guest gave those who have them. */
export type Originals = ReadonlyMap<number, number>;

/**
 * What processes that a scan shows for the first time have inherited of our changes. A process has the priority of the thread
 * that started it: if its parent's is ours, so is its own, and it is to have what its parent had from the guest.
 */
export class Heritage {
  readonly #ours: ReadonlySet<number>;

  /** `originals`: by process, as it was before this scan; those that have ended since are among them. */
  constructor(
    private readonly tree: ProcessTree,
    private readonly originals: ReadonlyMap<number, Originals>,
  ) {
    this.#ours = new Set([...originals.values()].flatMap((each) => [...each.keys()]));
  }

  /** What the task in this row, of a new process, would have if we had changed nothing; undefined: what it shows. */
  originalOf(columns: TaskColumns, row: number): number | undefined {
    const shown = columns.priority[row] ?? 0;
    if (!this.#ours.has(shown)) return undefined;
    const parent = this.tree.forebear(columns.process[row] ?? 0);
    return this.originals.get(parent)?.get(shown) ?? this.#ofOrphan(columns, row, parent);
  }

  /**
   * Its parent may have ended and left it to one of its own ancestors. That shows only by the priority, which the guest may have given
   * it as well: it is believed if it cannot be from `reaper`, and all who can have left it had the same from the guest. Those
   * are who have ended just now, and those of its own control group, through a child that no scan has seen.
   */
  #ofOrphan(columns: TaskColumns, row: number, reaper: number): number | undefined {
    const shown = columns.priority[row] ?? 0;
    const reaperRow = this.tree.rowOf(reaper);
    if (reaperRow === undefined || columns.priority[reaperRow] === shown) return undefined;
    const ownRow = this.tree.rowOf(columns.process[row] ?? 0);
    const group = ownRow === undefined ? "" : columns.cgroups.get(ownRow, "latin1");
    let found: number | undefined;
    for (const [process, originals] of this.originals) {
      const original = originals.get(shown);
      if (original === undefined || !this.tree.descends(process, reaper)) continue;
      const there = this.tree.rowOf(process);
      if (there !== undefined && !isSameGroup(group, columns.cgroups.get(there, "latin1"))) continue;
      if (found !== undefined && found !== original) return undefined;
      found = original;
    }
    return found;
  }
}

/** In the root group are all whom nobody has put anywhere: that proves nothing. */
function isSameGroup(one: string, other: string): boolean {
  return one === other && one !== "" && one !== "/";
}
