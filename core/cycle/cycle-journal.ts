import type { JournalFile } from "../journal/journal-file.js";
import type { Log } from "../log.js";
import { isSameShare } from "../share.js";
import { holdStates, type TaskColumns } from "../snapshot/task-columns.js";
import type { DomainRegistry } from "./domain-registry.js";
import { Estate } from "./estate.js";
import { JournalNotes } from "./journal-notes.js";
import type { ManagedDomain } from "./managed-domain.js";
import type { TaskPriority } from "./priority-entries.js";
import type { Changes } from "./reconcile.js";
import type { SetShare } from "./share-ledger.js";

const unheld = holdStates.indexOf("none");

/** What a change is to the journal: it gives the guest back what is its own; it is on disk already; it is not. */
const harmless = 0;
const known = 1;
const fresh = 2;

/** When, and for how long, a tick can write. */
export interface WriteChance {
  /** A write that takes longer makes what it was for wait for the next tick. */
  readonly budgetNs: number;
  /** Domains are paused: nothing can be written, and what is new waits for the next tick, which finds it written. */
  readonly paused: boolean;
}

/**
 * Has on disk what a tick is about to hold or change before it is done, and takes it off again when a later scan shows that nothing
 * is left of it. What cannot be written is not held or changed; what is released or given back never waits for a disk.
 */
export class CycleJournal {
  readonly #notes: JournalNotes | undefined;
  readonly #estate: Estate | undefined;
  #kinds = new Uint8Array(0);
  #nowNs = 0;
  #slow = false;
  #domain: ManagedDomain | undefined;
  /** Made once: a tick in which nothing changes allocates nothing. */
  readonly #confirmPriority = (task: TaskPriority) => this.#confirm(task);
  readonly #noteInherited = (task: TaskPriority) => this.#inherited(task);

  /** Without a file nothing is kept: where nothing is changed, or nothing outlives the process. */
  constructor(
    private readonly file: JournalFile | undefined,
    private readonly columns: TaskColumns,
    private readonly log: Log,
  ) {
    if (file === undefined) return;
    const notes = new JournalNotes(file, columns);
    this.#notes = notes;
    this.#estate = new Estate(file, (domain) => notes.bookOf(domain), log);
  }

  /** Nothing of a scheduler before this one waits for its domain any more. */
  get inheritanceIsSettled(): boolean {
    return this.#estate?.isSettled ?? true;
  }

  /** Tasks that a scheduler before this one held, of which a few more scans will tell whether they still are. */
  get awaited(): number {
    return this.#estate?.awaited ?? 0;
  }

  /** Between two ticks, once it is known which domains there are: takes over what a scheduler before this one has left in them. */
  inherit({ domains }: DomainRegistry, nowNs: number): void {
    this.#nowNs = nowNs;
    if (this.#notes !== undefined) this.#notes.tick++;
    if (this.#estate?.isSettled === false) this.#estate.inherit(domains, nowNs);
  }

  /** Before the edits: writes what they are to change, and takes away those that add something that is not on disk. */
  before(changes: Changes, rows: number, registry: DomainRegistry, { budgetNs, paused }: WriteChance): void {
    if (this.file === undefined || this.#notes === undefined || changes.count === 0) return;
    if (this.#kinds.length < changes.rows.length) this.#kinds = new Uint8Array(changes.rows.length);
    this.#notes.look(rows);
    // First, since what is written next says that this scan's tasks are known.
    this.#forEachChanged(registry, this.#noteInherited);
    let adding = false;
    for (let i = 0; i < changes.count; i++) {
      const domain = registry.bySlot(this.columns.domain[changes.rows[i] ?? 0] ?? -1);
      const kind = domain === undefined ? harmless : plan(this.#notes, this.columns, domain, changes, i);
      this.#kinds[i] = kind;
      adding ||= kind !== harmless;
    }
    if (!adding) return;
    const inTime = !paused && this.#commit(this.file, budgetNs);
    const written = this.file.sound;
    if (written && inTime) return;
    changes.retain((i) => this.#kinds[i] === harmless || (written && this.#kinds[i] === known));
  }

  /** This share is about to be set: why it must not be, or undefined. */
  beforeShare(domain: ManagedDomain, change: SetShare): string | undefined {
    if (this.file === undefined || this.#notes === undefined) return undefined;
    this.file.apply({ kind: "share", domain: this.#notes.bookOf(domain).domain.domain, ...change });
    if (this.file.commit(this.#nowNs) || isSameShare(change.own, change.asked)) return undefined;
    return "the journal cannot be written";
  }

  /** After a tick whose scan is still there: what is ours now, and no longer. */
  after(rows: number, registry: DomainRegistry): void {
    if (this.file === undefined || this.#notes === undefined) return;
    for (const domain of this.#notes.domains) {
      if (registry.domains.includes(domain)) continue;
      this.#notes.forget(domain);
      this.#estate?.forget(domain);
    }
    this.#notes.look(rows);
    for (let row = 0; row < rows; row++) {
      if (this.columns.hold[row] === unheld) continue;
      const domain = registry.bySlot(this.columns.domain[row] ?? -1);
      if (domain !== undefined) this.#notes.hold(domain, row);
    }
    this.#forEachChanged(registry, this.#confirmPriority);
    for (const domain of registry.domains) {
      this.#sweep(this.file, this.#notes, domain);
      confirmShare(this.file, this.#notes, domain);
    }
    this.file.commit(this.#nowNs);
  }

  #forEachChanged({ domains }: DomainRegistry, visit: (task: TaskPriority) => void): void {
    for (const domain of domains) {
      this.#domain = domain;
      domain.priorities.forEachChanged(visit);
    }
    this.#domain = undefined;
  }

  /** The ledger has it from the scan, and nobody has set it. */
  #inherited(task: TaskPriority): void {
    const [notes, domain] = [this.#notes, this.#domain];
    if (notes === undefined || domain === undefined || task.set === undefined) return;
    const { id, startTimeNs } = notes.find(domain)?.priorities.get(task.address)?.record ?? {};
    if (id === task.id && startTimeNs === task.startTimeNs) return;
    notes.priority(domain, task, task.original, [task.set]);
    const entry = notes.find(domain)?.priorities.get(task.address);
    // That this tick has a reason for it is not said yet: it may be about to be given back.
    if (entry !== undefined) entry.seen = notes.tick - 1;
  }

  /** The ledger has it: what was being set before is over, unless this tick has planned it. */
  #confirm(task: TaskPriority): void {
    const [notes, domain] = [this.#notes, this.#domain];
    if (notes === undefined || domain === undefined || task.set === undefined) return;
    const entry = notes.find(domain)?.priorities.get(task.address);
    if (domain.managed && entry !== undefined && entry.seen !== notes.tick && entry.record.ours.length > 1)
      this.file?.apply({ ...entry.record, ours: [task.set] });
    notes.priority(domain, task, task.original, [task.set]);
  }

  /** Takes off what neither the guest nor this tick has a reason for. */
  #sweep(file: JournalFile, notes: JournalNotes, domain: ManagedDomain): void {
    const book = notes.find(domain);
    if (book === undefined) return;
    const { domain: named, holds, priorities } = book;
    const settled = { kind: "settled", domain: named.domain } as const;
    // Of a domain that could not be read nothing is known; what its ledger has, outlives its kernel.
    if (domain.managed)
      for (const [address, { seen, record }] of holds)
        if (seen === notes.tick) this.#estate?.met(domain, address);
        else if (this.#estate?.stillAwaits(domain, record) !== true)
          file.apply({ ...settled, what: "hold", address });
    if (domain.managed || domain.kernel === undefined)
      for (const [address, { seen }] of priorities)
        // Until the next scan: what was started just before a priority was given back has inherited it.
        if (seen < notes.tick - 1) file.apply({ ...settled, what: "priority", address });
  }

  /** Guests run meanwhile. False when it took too long; told once, until it does not any more. */
  #commit(file: JournalFile, budgetNs: number): boolean {
    const [sinceMs, writesBefore] = [performance.now(), file.writes];
    file.commit(this.#nowNs);
    const tookMs = performance.now() - sinceMs;
    if (file.writes === writesBefore) return true;
    const slow = tookMs * 1e6 > budgetNs;
    if (slow && !this.#slow)
      this.log.warn({ event: "journal-slow", tookMs }, "the disk of the journal is slower than a tick");
    this.#slow = slow;
    return !slow;
  }
}

/** Notes what a change adds. */
function plan(
  notes: JournalNotes,
  columns: TaskColumns,
  domain: ManagedDomain,
  changes: Changes,
  index: number,
): number {
  const row = changes.rows[index] ?? 0;
  const kind = changes.kind(index);
  if (kind === "release") return harmless;
  if (kind === "hold") return notes.hold(domain, row) ? fresh : known;
  const [from, to] = [changes.from[index] ?? 0, changes.to[index] ?? 0];
  const original = domain.priorities.ownOf(columns, row);
  if (to === original) return harmless;
  const ours = from === original ? [to] : [to, from];
  return notes.priority(domain, notes.task(row), original, ours) ? fresh : known;
}

function confirmShare(file: JournalFile, notes: JournalNotes, domain: ManagedDomain): void {
  const { set, own } = domain.shares;
  const record = notes.find(domain)?.share;
  if (set === undefined) {
    if (own === undefined && record !== undefined)
      file.apply({ kind: "settled", domain: record.domain, what: "share" });
    return;
  }
  const isKnown =
    record?.shown !== undefined &&
    isSameShare(record.own, set.own) &&
    isSameShare(record.asked, set.asked) &&
    isSameShare(record.shown, set.shown ?? set.from);
  if (isKnown || set.shown === undefined) return;
  file.apply({ kind: "share", domain: notes.bookOf(domain).domain.domain, ...set });
}
