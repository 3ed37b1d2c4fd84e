import type {
  DomainRecord,
  HoldRecord,
  JournalRecord,
  PriorityRecord,
  ShareRecord,
} from "./journal-record.js";

/** A record that counts, and the number of the tick that last had a reason for it. */
export interface Entry<Record> {
  readonly record: Record;
  seen: number;
}

/** What is held and changed in one domain. Tasks are found by the addresses of their structures. */
export interface DomainBook {
  readonly domain: DomainRecord;
  readonly holds: Map<number, Entry<HoldRecord>>;
  readonly priorities: Map<number, Entry<PriorityRecord>>;
  share: ShareRecord | undefined;
}

/** What the records of a journal come to. */
export class JournalBook {
  readonly #domains = new Map<number, DomainBook>();
  #lastNumber = 0;

  get domains(): Iterable<DomainBook> {
    return this.#domains.values();
  }

  /** Nothing is held or changed. */
  get empty(): boolean {
    for (const { holds, priorities, share } of this.#domains.values())
      if (holds.size + priorities.size > 0 || share !== undefined) return false;
    return true;
  }

  /** A number that no domain has had yet. */
  nextNumber(): number {
    return this.#lastNumber + 1;
  }

  domain(number: number): DomainBook | undefined {
    return this.#domains.get(number);
  }

  apply(record: JournalRecord): void {
    if (record.kind === "domain") {
      this.declare(record);
      return;
    }
    const book = this.#domains.get(record.domain);
    if (book === undefined) return;
    if (record.kind === "hold") book.holds.set(record.address, { record, seen: 0 });
    else if (record.kind === "priority") book.priorities.set(record.address, { record, seen: 0 });
    else if (record.kind === "share") book.share = record;
    else if (record.what === "hold") book.holds.delete(record.address);
    else if (record.what === "priority") book.priorities.delete(record.address);
    else if (record.what === "share") book.share = undefined;
    else this.#domains.delete(record.domain);
  }

  /** The fewest records that come to the same. */
  *records(): Iterable<JournalRecord> {
    for (const { domain, holds, priorities, share } of this.#domains.values()) {
      yield domain;
      for (const { record } of holds.values()) yield record;
      for (const { record } of priorities.values()) yield record;
      if (share !== undefined) yield share;
    }
  }

  /** What was held and changed under another boot of the guest has ended with it; the share is the domain's. */
  declare(domain: DomainRecord): DomainBook {
    const before = this.#domains.get(domain.domain);
    const stays = before?.domain.boot === undefined || before.domain.boot === domain.boot;
    const book: DomainBook = {
      domain,
      holds: (stays ? before?.holds : undefined) ?? new Map<number, Entry<HoldRecord>>(),
      priorities: (stays ? before?.priorities : undefined) ?? new Map<number, Entry<PriorityRecord>>(),
      share: before?.share,
    };
    this.#domains.set(domain.domain, book);
    this.#lastNumber = Math.max(this.#lastNumber, domain.domain);
    return book;
  }
}
