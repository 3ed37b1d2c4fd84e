import { inject, injectable } from "tsyringe";
import type { VmmschedError } from "../errors.js";
import { Log } from "../log.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import type { ChangeOutcome } from "./cycle.js";
import { CycleOptions } from "./cycle-options.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { HeldRecord } from "./lost-domains.js";
import type { ManagedDomain } from "./managed-domain.js";

/** Remembers what became of each change while domains are paused, and logs it after they have been resumed. */
@injectable()
export class EditLog {
  readonly #rows: Int32Array;
  readonly #kinds: ("hold" | "release")[] = [];
  readonly #outcomes: ChangeOutcome[] = [];
  #count = 0;
  /** How often each outcome was seen since the start. */
  readonly totals = new Map<ChangeOutcome, number>();

  constructor(
    @inject(Log) private readonly log: Log,
    @inject(CycleOptions) options: CycleOptions,
  ) {
    this.#rows = new Int32Array(options.maxTasks);
  }

  note(row: number, kind: "hold" | "release", outcome: ChangeOutcome): void {
    this.#rows[this.#count] = row;
    this.#kinds[this.#count] = kind;
    this.#outcomes[this.#count] = outcome;
    this.#count++;
  }

  /** Rows with a change that was made since the last flush, and which. */
  committed(): ReadonlyMap<number, "hold" | "release"> {
    const made = new Map<number, "hold" | "release">();
    for (let i = 0; i < this.#count; i++)
      if (this.#outcomes[i] === "committed") made.set(this.#rows[i] ?? 0, this.#kinds[i] ?? "hold");
    return made;
  }

  /** A task in a domain that cannot be read any more does not stay held; `outcome` tells how that is known. */
  released({ info }: ManagedDomain, { process: pid, id: tid, name }: HeldRecord, outcome: string): void {
    const facts = { event: "release", domain: info.name, pid, tid, name, outcome };
    this.log.info(facts, `release of ${String(tid)}, whose domain cannot be read`);
  }

  /** These tasks may stay held: their domain cannot be read any more, and they could not be let go. */
  leftHeld({ info }: ManagedDomain, left: readonly HeldRecord[], reason: string): void {
    const pids = [...new Set(left.map(({ process }) => process))];
    const facts = { event: "tasks-left-held", domain: info.name, id: info.id, left: left.length, pids };
    this.log.error(
      { ...facts, code: "ERR_TASKS_LEFT_HELD", reason },
      `${String(left.length)} tasks of ${info.name} may stay held: ${reason}`,
    );
  }

  /** A domain could not be paused, edited or resumed in this tick; the others go on. Its domain may just have ended. */
  failed(domain: ManagedDomain, error: VmmschedError): void {
    const gone = error.code === "ERR_DOMAIN_GONE";
    const facts = { event: "edit-failed", domain: domain.info.name, id: domain.info.id, code: error.code };
    if (gone) this.log.debug(facts, error.message);
    else this.log.error(facts, error.message);
  }

  /** Logs committed changes at level info, the others at debug. */
  flush(columns: TaskColumns, registry: DomainRegistry, reasons: readonly string[]): void {
    for (let i = 0; i < this.#count; i++) {
      const row = this.#rows[i] ?? 0;
      const outcome = this.#outcomes[i] ?? "stale";
      this.totals.set(outcome, (this.totals.get(outcome) ?? 0) + 1);
      const facts = {
        event: this.#kinds[i] ?? "hold",
        domain: registry.bySlot(columns.domain[row] ?? -1)?.info.name,
        pid: columns.process[row],
        tid: columns.id[row],
        name: columns.names.get(row, "latin1"),
        outcome,
        ...(this.#kinds[i] === "hold" ? { reason: reasons[row] } : {}),
      };
      if (outcome === "committed") this.log.info(facts, `${facts.event} of ${String(facts.tid)}`);
      else this.log.debug(facts, `no ${facts.event} of ${String(facts.tid)} now: ${outcome}`);
    }
    this.#count = 0;
  }
}
