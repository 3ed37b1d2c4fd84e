import type { DomainBook } from "../journal/journal-book.js";
import type { JournalFile } from "../journal/journal-file.js";
import type { JournalTask, PriorityRecord } from "../journal/journal-record.js";
import type { GuestVa } from "../memory/address.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import { bootOf, instanceOf } from "./estate.js";
import type { ManagedDomain } from "./managed-domain.js";

/** What a scan shows of the processes of a domain: whose children they are, and when the youngest task was created. */
interface Surroundings {
  readonly domain: ManagedDomain;
  readonly tick: number;
  readonly parents: ReadonlyMap<number, number>;
  readonly knownUntilNs: number;
}

/** Puts tasks of the present scan into the journal, each once, and remembers which tick had a reason for it. */
export class JournalNotes {
  readonly #books = new Map<ManagedDomain, DomainBook>();
  #surroundings: Surroundings | undefined;
  #rows = 0;
  tick = 0;

  constructor(
    private readonly file: JournalFile,
    private readonly columns: TaskColumns,
  ) {}

  /** Domains that have a book. */
  get domains(): Iterable<ManagedDomain> {
    return this.#books.keys();
  }

  /** The present scan has so many rows. */
  look(rows: number): void {
    this.#rows = rows;
  }

  /** Undefined: there is nothing about it yet. */
  find(domain: ManagedDomain): DomainBook | undefined {
    return this.#books.get(domain);
  }

  /** The domain's own book, declared anew when another kernel runs in it. */
  bookOf(domain: ManagedDomain): DomainBook {
    const boot = bootOf(domain);
    const before = this.#books.get(domain);
    if (before !== undefined && (boot === undefined || before.domain.boot === boot)) return before;
    const number = before?.domain.domain ?? this.file.book.nextNumber();
    const { uuid, name } = domain.info;
    const named = { domain: number, uuid, instance: instanceOf(domain), name };
    const record = { kind: "domain", ...named, ...(boot === undefined ? {} : { boot }) } as const;
    const book = this.file.declare(record);
    this.#books.set(domain, book);
    return book;
  }

  /** This domain is gone. */
  forget(domain: ManagedDomain): void {
    const book = this.#books.get(domain);
    if (book === undefined) return;
    this.file.apply({ kind: "settled", domain: book.domain.domain, what: "domain" });
    this.#books.delete(domain);
  }

  /** The task in this row is held, or about to be. True when that is new. */
  hold(domain: ManagedDomain, row: number): boolean {
    const { columns } = this;
    const { holds, domain: named } = this.bookOf(domain);
    const address = columns.address[row] ?? 0;
    const entry = holds.get(address);
    const { id, startTimeNs } = entry?.record ?? {};
    if (entry !== undefined && id === columns.id[row] && startTimeNs === columns.startTimeNs[row]) {
      entry.seen = this.tick;
      return false;
    }
    this.file.apply({ kind: "hold", domain: named.domain, ...this.task(row) });
    const fresh = holds.get(address);
    if (fresh !== undefined) fresh.seen = this.tick;
    return true;
  }

  /** The task has a priority out of `ours`, or is about to get it. True when that is new. */
  priority(domain: ManagedDomain, task: JournalTask, original: number, ours: readonly number[]): boolean {
    const { priorities, domain: named } = this.bookOf(domain);
    const entry = priorities.get(task.address);
    if (entry !== undefined && isSame(entry.record, task, original, ours)) {
      entry.seen = this.tick;
      return false;
    }
    const { parents, knownUntilNs } = this.#lookAround(domain);
    const { address, id, startTimeNs, process, name } = task;
    this.file.apply({
      ...{ kind: "priority", domain: named.domain, address, id, startTimeNs, process, name },
      ...{ parent: parents.get(process) ?? 0, original, ours, knownUntilNs },
    });
    const fresh = priorities.get(address);
    if (fresh !== undefined) fresh.seen = this.tick;
    return true;
  }

  task(row: number): JournalTask {
    const { columns } = this;
    return {
      address: (columns.address[row] ?? 0) as GuestVa,
      id: columns.id[row] ?? 0,
      startTimeNs: columns.startTimeNs[row] ?? 0,
      process: columns.process[row] ?? 0,
      name: columns.names.get(row, "latin1"),
    };
  }

  /** Made once a domain and tick, and only for what is new. */
  #lookAround(domain: ManagedDomain): Surroundings {
    const known = this.#surroundings;
    if (known?.domain === domain && known.tick === this.tick) return known;
    const { columns, tick } = this;
    const parents = new Map<number, number>();
    let knownUntilNs = 0;
    for (let row = 0; row < this.#rows; row++) {
      if (columns.domain[row] !== domain.slot) continue;
      knownUntilNs = Math.max(knownUntilNs, columns.startTimeNs[row] ?? 0);
      parents.set(columns.process[row] ?? 0, columns.parent[row] ?? 0);
    }
    return (this.#surroundings = { domain, tick, parents, knownUntilNs });
  }
}

function isSame(
  { id, startTimeNs, original, ours }: PriorityRecord,
  task: JournalTask,
  own: number,
  set: readonly number[],
): boolean {
  return (
    id === task.id &&
    startTimeNs === task.startTimeNs &&
    original === own &&
    set.every((value) => ours.includes(value))
  );
}
