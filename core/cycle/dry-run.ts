import type { Log } from "../log.js";
import type { Wishes } from "../policies/policies.js";
import { TaskTable } from "../snapshot/task-table.js";
import { taskFlags, type TaskColumns } from "../snapshot/task-columns.js";
import type { DomainRegistry } from "./domain-registry.js";

/** What the policies would have done, told once when it begins and once when it ends. Nothing is paused or written. */
export class DryRun {
  #before: TaskTable;
  #now: TaskTable;

  constructor(
    capacity: number,
    private readonly log: Log,
  ) {
    this.#before = new TaskTable(capacity);
    this.#now = new TaskTable(capacity);
  }

  tell(columns: TaskColumns, rows: number, wishes: Wishes, registry: DomainRegistry): void {
    const { before, now } = { before: this.#before, now: this.#now };
    now.clear();
    for (let row = 0; row < rows; row++) {
      const slot = columns.domain[row] ?? 0;
      const identity = [slot, columns.address[row] ?? 0, columns.startTimeNs[row] ?? 0] as const;
      const held = before.get(...identity) > 0;
      const wished = wishes.holds[row] === 1 && isEditable(columns, row);
      now.put(...identity, wished ? 1 : 0);
      if (held === wished) continue;
      const facts = {
        event: wished ? "would-hold" : "would-release",
        domain: registry.bySlot(slot)?.info.name,
        pid: columns.process[row],
        tid: columns.id[row],
        name: columns.names.get(row, "latin1"),
        ...(wished ? { reason: wishes.reasons[row] } : {}),
      };
      this.log.info(facts, `${wished ? "would hold" : "would release"} ${String(facts.tid)}`);
    }
    this.#before = now;
    this.#now = before;
  }
}

function isEditable(columns: TaskColumns, row: number): boolean {
  return ((columns.flags[row] ?? 0) & (taskFlags.kernel | taskFlags.untouchable)) === 0;
}
