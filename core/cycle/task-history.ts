import { noNice } from "../nice.js";
import type { Wishes } from "../policies/policies.js";
import { holdStates, type TaskColumns } from "../snapshot/task-columns.js";
import type { ChangeOutcome } from "./cycle.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { EditLog } from "./edit-log.js";
import type { ManagedDomain } from "./managed-domain.js";
import type { ChangeKind, Changes } from "./reconcile.js";

const unheld = holdStates.indexOf("none");

/** A change that is wanted, tick after tick, until it is made. */
export interface WantedChange {
  readonly kind: ChangeKind;
  /** Host clock of the first tick that wanted it. */
  readonly sinceNs: number;
  /** How often it was tried since then, and what became of it the last time. */
  readonly tries: number;
  readonly outcome: ChangeOutcome | undefined;
  /** The last tick tried it. */
  readonly triedLast: boolean;
}

/** Since when a task is wished to be something, and is: readings of the host clock; NaN where it is not. */
export interface TaskTimes {
  readonly holdWishedNs: number;
  /** Since the nice value that counts is this one. */
  readonly niceWishedNs: number;
  /** Since the edit that holds it, or since it was seen held without one of ours. */
  readonly heldNs: number;
  /** It was seen held without an edit of ours: another scheduler has left it so. */
  readonly foundHeld: boolean;
  /** The last edit of its priority. */
  readonly priorityNs: number;
  /** What the last tick wanted: a hold or release, and a priority. */
  readonly holdChange: WantedChange | undefined;
  readonly priorityChange: WantedChange | undefined;
}

interface Change {
  kind: ChangeKind;
  sinceNs: number;
  tries: number;
  outcome: ChangeOutcome | undefined;
  triedLast: boolean;
  /** Number of the last tick that wanted it. */
  wantedTick: number;
}

interface Entry {
  readonly address: number;
  readonly id: number;
  readonly startTimeNs: number;
  holdWishedNs: number;
  nice: number;
  niceWishedNs: number;
  heldNs: number;
  foundHeld: boolean;
  /** A release was committed since it was held. */
  released: boolean;
  priorityNs: number;
  readonly hold: Change;
  readonly priority: Change;
  seenTick: number;
}

/** Of one domain, by {@link keyOf}. */
interface Entries extends Map<number, Entry> {
  /** How many the tick has seen so far. */
  seen: number;
}

/**
 * Keeps, of the tasks for which something is wished, in force or wanted, since when. A task has an entry as long as that is
 * so and it is there: no more than there are tasks. Where nothing changes, a tick allocates nothing.
 */
export class TaskHistory {
  readonly #domains = new WeakMap<ManagedDomain, Entries>();
  #tick = 0;
  #nowNs = 0;

  constructor(
    private readonly columns: TaskColumns,
    private readonly registry: DomainRegistry,
  ) {}

  /**
   * At the end of a tick that began at `nowNs`: the first `rows` rows as they were scanned, what was wished for them, which
   * changes were wanted, and what became of those that were tried.
   */
  observe(rows: number, wishes: Wishes, wanted: Changes, edits: EditLog, nowNs: number): void {
    this.#tick++;
    this.#nowNs = nowNs;
    for (let row = 0; row < rows; row++) {
      const isHeld = this.columns.hold[row] !== unheld;
      if (!isHeld && wishes.holds[row] === 0 && wishes.nices[row] === noNice) continue;
      const entry = this.#entryAt(row);
      if (entry !== undefined) noteWishes(entry, row, wishes, isHeld, nowNs);
    }
    for (let i = 0; i < wanted.count; i++) {
      const entry = this.#entryAt(wanted.rows[i] ?? 0);
      if (entry !== undefined) this.#want(entry, wanted.kind(i), nowNs);
    }
    edits.forEach(this.#noteEdit);
    this.#forget();
  }

  readonly #noteEdit = (row: number, kind: ChangeKind, outcome: ChangeOutcome) => {
    const entry = this.#entryAt(row);
    if (entry !== undefined) noteOutcome(entry, kind, outcome, this.#nowNs);
  };

  /** Of the task in this row of the last scan; undefined: nothing is wished, in force or wanted. */
  timesOf(row: number): TaskTimes | undefined {
    const domain = this.registry.bySlot(this.columns.domain[row] ?? -1);
    const entry = domain && this.#domains.get(domain)?.get(keyOf(this.columns.address[row] ?? 0));
    if (entry === undefined || !this.#isOf(entry, row)) return undefined;
    const current = (change: Change) => (change.wantedTick === this.#tick ? change : undefined);
    return { ...entry, holdChange: current(entry.hold), priorityChange: current(entry.priority) };
  }

  #entryAt(row: number): Entry | undefined {
    const domain = this.registry.bySlot(this.columns.domain[row] ?? -1);
    if (domain === undefined) return undefined;
    let entries = this.#domains.get(domain);
    if (entries === undefined)
      this.#domains.set(domain, (entries = Object.assign(new Map<number, Entry>(), { seen: 0 })));
    const address = this.columns.address[row] ?? 0;
    const key = keyOf(address);
    let entry = entries.get(key);
    if (entry === undefined || !this.#isOf(entry, row)) {
      entry = newEntry(address, this.columns.id[row] ?? 0, this.columns.startTimeNs[row] ?? 0);
      entries.set(key, entry);
    }
    if (entry.seenTick !== this.#tick) entries.seen++;
    entry.seenTick = this.#tick;
    return entry;
  }

  #isOf({ address, id, startTimeNs }: Entry, row: number): boolean {
    const { columns } = this;
    return (
      address === columns.address[row] && id === columns.id[row] && startTimeNs === columns.startTimeNs[row]
    );
  }

  #want(entry: Entry, kind: ChangeKind, nowNs: number): void {
    const change = kind === "priority" ? entry.priority : entry.hold;
    if (change.wantedTick !== this.#tick - 1 || change.kind !== kind) {
      change.kind = kind;
      change.sinceNs = nowNs;
      change.tries = 0;
      change.outcome = undefined;
    }
    change.wantedTick = this.#tick;
    change.triedLast = false;
  }

  /** Of domains that this tick could not scan nothing is known: their tasks may be there still. */
  #forget(): void {
    for (const domain of this.registry.domains) {
      const entries = this.#domains.get(domain);
      if (entries === undefined) continue;
      const { seen } = entries;
      entries.seen = 0;
      if (!domain.managed || seen === entries.size) continue;
      for (const [key, { seenTick }] of entries) if (seenTick !== this.#tick) entries.delete(key);
    }
  }
}

function noteWishes(entry: Entry, row: number, wishes: Wishes, isHeld: boolean, nowNs: number): void {
  if (wishes.holds[row] === 0) entry.holdWishedNs = Number.NaN;
  else if (Number.isNaN(entry.holdWishedNs)) entry.holdWishedNs = nowNs;
  const nice = wishes.nices[row] ?? noNice;
  if (nice !== entry.nice) entry.niceWishedNs = nice === noNice ? Number.NaN : nowNs;
  entry.nice = nice;
  if (!isHeld) {
    entry.heldNs = Number.NaN;
    entry.foundHeld = false;
    entry.released = false;
  } else if (Number.isNaN(entry.heldNs)) {
    entry.heldNs = nowNs;
    entry.foundHeld = true;
  }
}

/** A hold that takes two edits began with the first one. */
function noteOutcome(entry: Entry, kind: ChangeKind, outcome: ChangeOutcome, nowNs: number): void {
  const change = kind === "priority" ? entry.priority : entry.hold;
  if (!change.triedLast) change.tries++;
  change.triedLast = true;
  change.outcome = outcome;
  if (outcome !== "committed") return;
  if (kind === "priority") entry.priorityNs = nowNs;
  else if (kind === "release") entry.released = true;
  else if (entry.released || Number.isNaN(entry.heldNs)) {
    entry.heldNs = nowNs;
    entry.foundHeld = false;
    entry.released = false;
  }
}

/**
 * A whole number of 30 bits: engines hash these well, and doubles as addresses are badly. Structures are spread by at least 64 bytes, and two
 * that are a multiple of 64 GiB apart forget each other's times.
 */
function keyOf(address: number): number {
  return Math.floor(address / 64) & 0x3fff_ffff;
}

function newEntry(address: number, id: number, startTimeNs: number): Entry {
  return {
    address,
    id,
    startTimeNs,
    holdWishedNs: Number.NaN,
    nice: noNice,
    niceWishedNs: Number.NaN,
    heldNs: Number.NaN,
    foundHeld: false,
    released: false,
    priorityNs: Number.NaN,
    hold: newChange(),
    priority: newChange(),
    seenTick: 0,
  };
}

function newChange(): Change {
  return { kind: "hold", sinceNs: 0, tries: 0, outcome: undefined, triedLast: false, wantedTick: -1 };
}
