import { inject, injectable } from "tsyringe";
import type { VmmschedError } from "../errors.js";
import { Log } from "../log.js";
import type { Wishes } from "../policies/policies.js";
import { noNice } from "../nice.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import type { ChangeOutcome } from "./cycle.js";
import { CycleOptions } from "./cycle-options.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { HeldRecord } from "./lost-domains.js";
import type { ManagedDomain } from "./managed-domain.js";
import type { TaskPriority } from "./priority-entries.js";
import type { ChangeKind, Changes } from "./reconcile.js";

/** Remembers what became of each change while domains are paused, and logs it after they have been resumed. */
@injectable()
export class EditLog {
  readonly #rows: Int32Array;
  readonly #kinds: ChangeKind[] = [];
  /** Of changes of priorities. */
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #outcomes: ChangeOutcome[] = [];
  #count = 0;
  #settled = 0;
  /** How often each outcome was seen since the start. */
  readonly totals = new Map<ChangeOutcome, number>();

  constructor(
    @inject(Log) private readonly log: Log,
    @inject(CycleOptions) options: CycleOptions,
  ) {
    this.#rows = new Int32Array(2 * options.maxTasks);
    this.#from = new Int32Array(2 * options.maxTasks);
    this.#to = new Int32Array(2 * options.maxTasks);
  }

  /** What became of the change at this index. */
  note(changes: Changes, index: number, outcome: ChangeOutcome): void {
    this.#rows[this.#count] = changes.rows[index] ?? 0;
    this.#kinds[this.#count] = changes.kind(index);
    this.#from[this.#count] = changes.from[index] ?? 0;
    this.#to[this.#count] = changes.to[index] ?? 0;
    this.#outcomes[this.#count] = outcome;
    this.#count++;
  }

  /** What became of each change since the last flush. */
  forEach(visit: (row: number, kind: ChangeKind, outcome: ChangeOutcome) => void): void {
    for (let i = 0; i < this.#count; i++)
      visit(this.#rows[i] ?? 0, this.#kinds[i] ?? "hold", this.#outcomes[i] ?? "stale");
  }

  /** Rows that were held or released since the last flush, and which of it. */
  committedHolds(): ReadonlyMap<number, "hold" | "release"> {
    const made = new Map<number, "hold" | "release">();
    for (let i = 0; i < this.#count; i++) {
      const kind = this.#kinds[i] ?? "priority";
      if (this.#outcomes[i] === "committed" && kind !== "priority") made.set(this.#rows[i] ?? 0, kind);
    }
    return made;
  }

  /** Calls `settle` once for each priority that was changed since it was called last. */
  settlePriorities(settle: (row: number, from: number, to: number) => void): void {
    for (; this.#settled < this.#count; this.#settled++) {
      const i = this.#settled;
      if (this.#outcomes[i] === "committed" && this.#kinds[i] === "priority")
        settle(this.#rows[i] ?? 0, this.#from[i] ?? 0, this.#to[i] ?? 0);
    }
  }

  /** A task in a domain that cannot be read any more does not stay held; `outcome` tells how that is known. */
  released({ info }: ManagedDomain, { process: pid, id: tid, name }: HeldRecord, outcome: string): void {
    const facts = { event: "release", domain: info.name, pid, tid, name, outcome };
    this.log.info(facts, `release of ${String(tid)}, whose domain cannot be read`);
  }

  /** A task in such a domain has its own priority again. */
  restored({ info }: ManagedDomain, task: TaskPriority, outcome: string): void {
    const { process: pid, id: tid, name, set: from, original: to } = task;
    const facts = { event: "priority", domain: info.name, pid, tid, name, from, to, outcome };
    this.log.info(facts, `priority of ${String(tid)}, whose domain cannot be read`);
  }

  /** These tasks may stay as they are: their domain cannot be read any more, and they could not be let go. */
  left(
    { info }: ManagedDomain,
    held: readonly HeldRecord[],
    changed: readonly TaskPriority[],
    reason: string,
  ): void {
    const pids = [...new Set([...held, ...changed].map(({ process }) => process))];
    const facts = { event: "tasks-left-held", domain: info.name, id: info.id, left: held.length, pids };
    const also = changed.length === 0 ? "" : `, ${String(changed.length)} at a priority not their own`;
    this.log.error(
      { ...facts, priorities: changed.length, code: "ERR_TASKS_LEFT_HELD", reason },
      `${String(held.length)} tasks of ${info.name} may stay held${also}: ${reason}`,
    );
  }

  /** A domain could not be paused, edited or resumed in this tick; the others go on. */
  failed(domain: ManagedDomain, error: VmmschedError): void {
    // It may just have ended; and that nothing can be paused now is told when the guardian is lost.
    const expected = error.code === "ERR_DOMAIN_GONE" || error.code === "ERR_GUARDIAN_AWAY";
    const facts = { event: "edit-failed", domain: domain.info.name, id: domain.info.id, code: error.code };
    if (expected) this.log.debug(facts, error.message);
    else this.log.error(facts, error.message);
  }

  /** Logs committed changes at level info, the others at debug. */
  flush(columns: TaskColumns, registry: DomainRegistry, wishes: Wishes): void {
    for (let i = 0; i < this.#count; i++) {
      const row = this.#rows[i] ?? 0;
      const outcome = this.#outcomes[i] ?? "stale";
      this.totals.set(outcome, (this.totals.get(outcome) ?? 0) + 1);
      const kind = this.#kinds[i] ?? "hold";
      const facts = {
        event: kind,
        domain: registry.bySlot(columns.domain[row] ?? -1)?.info.name,
        pid: columns.process[row],
        tid: columns.id[row],
        name: columns.names.get(row, "latin1"),
        ...(kind === "priority" ? { from: this.#from[i], to: this.#to[i] } : {}),
        outcome,
        ...reasonOf(kind, row, wishes),
      };
      if (outcome === "committed") this.log.info(facts, `${facts.event} of ${String(facts.tid)}`);
      else this.log.debug(facts, `no ${facts.event} of ${String(facts.tid)} now: ${outcome}`);
    }
    this.#count = 0;
    this.#settled = 0;
  }
}

/** A release has none, and neither has a priority that is given back. */
function reasonOf(kind: ChangeKind, row: number, wishes: Wishes): { readonly reason?: string | undefined } {
  if (kind === "hold") return { reason: wishes.reasons[row] };
  return kind === "priority" && wishes.nices[row] !== noNice ? { reason: wishes.niceReasons[row] } : {};
}
