import { isEditable } from "../cycle/reconcile.js";
import type { Wishes } from "../policies/policies.js";
import { holdStates, taskFlags, taskStates, type TaskColumns } from "../snapshot/task-columns.js";
import type { GuardEvents } from "./guard-events.js";
import type { GuardedDomain } from "./guarded-domain.js";

const none = holdStates.indexOf("none");
const exited = taskStates.indexOf("exited");

/** Finds the processes that have been held for as long as they may be, and drops the wishes to hold them for a run slot. */
export class RunSlots {
  /** What is seen of one process; used again for the next. */
  readonly #signs = { pid: 0, startTimeNs: 0, wished: false, held: false, free: false };

  constructor(
    private readonly columns: TaskColumns,
    private readonly events: GuardEvents,
  ) {}

  /** Looks at what the first `rows` tasks are wished and what they are. */
  open(
    rows: number,
    wishes: Wishes,
    bySlot: readonly (GuardedDomain | undefined)[],
    nowNs: number,
    intervalNs: number,
  ): void {
    for (const guarded of bySlot) guarded?.ages.beginTick();
    for (let row = 0; row < rows;) {
      const end = this.#endOfProcess(row, rows);
      const guarded = bySlot[this.columns.domain[row] ?? -1];
      if (guarded !== undefined) {
        this.#see(row, end, wishes);
        if (this.#signs.held || !guarded.ages.isEmpty)
          this.#decide(guarded, row, end, wishes, nowNs, intervalNs);
      }
      row = end;
    }
    // What could not be read in this tick is still held.
    for (const guarded of bySlot) if (guarded?.domain.managed === true) guarded.ages.endTick();
  }

  #decide(
    { ages, domain }: GuardedDomain,
    row: number,
    end: number,
    wishes: Wishes,
    nowNs: number,
    intervalNs: number,
  ): void {
    const outcome = ages.see(this.#signs, nowNs, intervalNs);
    if (outcome !== "waits")
      for (let each = row; each < end; each++) wishes.dropHold(each, "the guard gives it a run slot");
    if (outcome === "begins")
      this.events.runSlot(domain, this.#signs.pid, this.columns.names.get(row, "latin1"));
  }

  /** First row behind the process that begins in this row. */
  #endOfProcess(row: number, rows: number): number {
    const { domain, process, flags } = this.columns;
    let end = row + 1;
    while (
      end < rows &&
      process[end] === process[row] &&
      domain[end] === domain[row] &&
      ((flags[end] ?? 0) & taskFlags.leader) === 0
    )
      end++;
    return end;
  }

  #see(row: number, end: number, wishes: Wishes): void {
    const { columns } = this;
    const signs = this.#signs;
    signs.pid = columns.process[row] ?? 0;
    signs.startTimeNs = columns.startTimeNs[row] ?? 0;
    signs.wished = signs.held = signs.free = false;
    for (let each = row; each < end; each++) {
      if (columns.state[each] === exited || !isEditable(columns, each)) continue;
      if (wishes.holds[each] === 1) signs.wished = true;
      if (columns.hold[each] === none) signs.free = true;
      else signs.held = true;
    }
  }
}
