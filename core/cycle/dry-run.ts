import type { Log } from "../log.js";
import type { Wishes } from "../policies/policies.js";
import { TaskTable } from "../snapshot/task-table.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import type { DomainRegistry } from "./domain-registry.js";
import { isEditable } from "./reconcile.js";

/** What the policies wish in one tick, by task: 1 = a hold; and the priority that the task would have, less the least. */
interface Told {
  readonly holds: TaskTable;
  readonly priorities: TaskTable;
}
const leastPriority = -(2 ** 31);

/** What the policies would have done, told once when it begins and once when it ends. Nothing is paused or written. */
export class DryRun {
  #before: Told;
  #now: Told;

  constructor(
    capacity: number,
    private readonly log: Log,
  ) {
    this.#before = { holds: new TaskTable(capacity), priorities: new TaskTable(capacity) };
    this.#now = { holds: new TaskTable(capacity), priorities: new TaskTable(capacity) };
  }

  /** `priorities`: what each task would have, by row. */
  tell(
    columns: TaskColumns,
    rows: number,
    wishes: Wishes,
    priorities: Int32Array,
    registry: DomainRegistry,
  ): void {
    const { before, now } = { before: this.#before, now: this.#now };
    now.holds.clear();
    now.priorities.clear();
    for (let row = 0; row < rows; row++) {
      const slot = columns.domain[row] ?? 0;
      const identity = [slot, columns.address[row] ?? 0, columns.startTimeNs[row] ?? 0] as const;
      const who = () => ({
        domain: registry.bySlot(slot)?.info.name,
        pid: columns.process[row],
        tid: columns.id[row],
        name: columns.names.get(row, "latin1"),
      });
      const held = before.holds.get(...identity) > 0;
      const wished = wishes.holds[row] === 1 && isEditable(columns, row);
      if (wished) now.holds.put(...identity, 1);
      if (held !== wished) this.#tellHold(wished, who(), wishes.reasons[row]);

      const own = columns.priority[row] ?? 0;
      const would = priorities[row] ?? own;
      const known = before.priorities.get(...identity);
      const from = known < 0 ? own : known + leastPriority;
      if (would !== own) now.priorities.put(...identity, would - leastPriority);
      if (would !== from)
        this.#tellPriority(
          { ...who(), from, to: would },
          would === own ? undefined : wishes.niceReasons[row],
        );
    }
    this.#before = now;
    this.#now = before;
  }

  #tellHold(wished: boolean, who: { readonly tid: number | undefined }, reason: string | undefined): void {
    const facts = { event: wished ? "would-hold" : "would-release", ...who, ...(wished ? { reason } : {}) };
    this.log.info(facts, `${wished ? "would hold" : "would release"} ${String(who.tid)}`);
  }

  #tellPriority(
    change: { readonly tid: number | undefined; readonly from: number; readonly to: number },
    reason: string | undefined,
  ): void {
    const facts = { event: "would-set-priority", ...change, ...(reason === undefined ? {} : { reason }) };
    this.log.info(facts, `would set the priority of ${String(change.tid)} to ${String(change.to)}`);
  }
}
