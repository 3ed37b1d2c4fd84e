import type { TaskIdentity } from "../guest-profile.js";
import type { GuestVa } from "../memory/address.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import type { Originals } from "./heritage.js";

/** A task in a process in which we have changed a priority. Priorities are in the guest's own scale. */
export interface TaskPriority extends TaskIdentity {
  readonly process: number;
  readonly name: string;
  /** What the guest itself gave it last: what it gets back. Counts only while something else is `set`. */
  readonly original: number;
  /** What we have set; undefined: it has its own. */
  readonly set: number | undefined;
}

/** A task of such a process, in the ledger. */
export interface Entry extends TaskPriority {
  original: number;
  set: number | undefined;
  /** `set` as it was at the scan before: what it has started since then may have inherited that, too. */
  setBefore: number | undefined;
  /** It was in the last scan. */
  seen: boolean;
}

/** Tasks of one process by address, in the order of their rows: leader first. */
export type ProcessEntries = Map<number, Entry>;

/** Forgets what was not seen; false when nothing in this process is changed any more. */
export function stays(tasks: ProcessEntries): boolean {
  let changed = false;
  for (const [address, entry] of tasks) {
    if (!entry.seen) tasks.delete(address);
    else if (entry.set !== undefined) changed = true;
    entry.seen = false;
  }
  return changed;
}

/** Values that are ours, with what the guest gave those who have them. The first one counts, which is the leader. */
export function inheritableOf(tasks: ProcessEntries): Originals {
  const originals = new Map<number, number>();
  for (const { set, setBefore, original } of tasks.values())
    for (const value of [set, setBefore])
      if (value !== undefined && !originals.has(value)) originals.set(value, original);
  return originals;
}

/** Entries for all threads of the process in this row. */
export function entriesAround(columns: TaskColumns, row: number, end: number): ProcessEntries {
  const [process, domain] = [columns.process[row], columns.domain[row]];
  let first = row;
  while (first > 0 && columns.process[first - 1] === process && columns.domain[first - 1] === domain) first--;
  const tasks: ProcessEntries = new Map();
  for (let each = first; each < endOfProcess(columns, row, end); each++) {
    const entry = newEntry(columns, each);
    tasks.set(entry.address, entry);
  }
  return tasks;
}

/** The row behind the last one of the process in this row. */
export function endOfProcess(columns: TaskColumns, row: number, end: number): number {
  const [process, domain] = [columns.process[row], columns.domain[row]];
  let next = row + 1;
  while (next < end && columns.process[next] === process && columns.domain[next] === domain) next++;
  return next;
}

/** Undefined where the address belongs to another task now. */
export function entryOf(tasks: ProcessEntries, columns: TaskColumns, row: number): Entry | undefined {
  const entry = tasks.get(columns.address[row] ?? 0);
  const same = entry?.id === columns.id[row] && entry?.startTimeNs === columns.startTimeNs[row];
  return same ? entry : undefined;
}

/** The task in this row, with the priority that it shows as its own. */
export function newEntry(columns: TaskColumns, row: number): Entry {
  return {
    address: (columns.address[row] ?? 0) as GuestVa,
    id: columns.id[row] ?? 0,
    startTimeNs: columns.startTimeNs[row] ?? 0,
    process: columns.process[row] ?? 0,
    name: columns.names.get(row, "latin1"),
    original: columns.priority[row] ?? 0,
    set: undefined,
    setBefore: undefined,
    seen: false,
  };
}
