import type { ColumnBuffer } from "./column-placer.js";
import { DomainColumns, type DomainEntry } from "./domain-columns.js";
import { TaskColumns } from "./task-columns.js";

/** The memory of a snapshot: what one thread hands to another. */
export interface HostBuffers {
  readonly header: ColumnBuffer;
  readonly domains: ColumnBuffer;
  readonly tasks: ColumnBuffer;
}

const headerBytes = 32;

/**
 * The whole host at one tick, as columns. The cycle writes it; other threads take copies, and find out by the
 * generation, as with a seqlock, whether the cycle wrote meanwhile.
 */
export class HostColumns {
  readonly tasks: TaskColumns;
  readonly domains: DomainColumns;
  /** Host clock, and time since the snapshot before. */
  readonly #times: Float64Array;
  /** Generation (odd while it is being written), number of domains, number of tasks. */
  readonly #words: Int32Array;

  constructor(readonly buffers: HostBuffers) {
    this.tasks = new TaskColumns(buffers.tasks);
    this.domains = new DomainColumns(buffers.domains);
    this.#times = new Float64Array(buffers.header, 0, 2);
    this.#words = new Int32Array(buffers.header, 16, 3);
  }

  /** Room for `capacity` tasks in memory that threads share. */
  static allocate(capacity: number): HostColumns {
    return new HostColumns({
      header: new SharedArrayBuffer(headerBytes),
      domains: new SharedArrayBuffer(DomainColumns.bytes),
      tasks: new SharedArrayBuffer(TaskColumns.bytes(capacity)),
    });
  }

  /** The same in memory of this thread alone. */
  static private(capacity: number): HostColumns {
    return new HostColumns({
      header: new ArrayBuffer(headerBytes),
      domains: new ArrayBuffer(DomainColumns.bytes),
      tasks: new ArrayBuffer(TaskColumns.bytes(capacity)),
    });
  }

  get timeNs(): number {
    return this.#times[0] ?? 0;
  }
  get intervalNs(): number {
    return this.#times[1] ?? 0;
  }
  get generation(): number {
    return Atomics.load(this.#words, 0);
  }
  get domainCount(): number {
    return this.#words[1] ?? 0;
  }
  get taskCount(): number {
    return this.#words[2] ?? 0;
  }

  /** From now until {@link endWriting} it is no snapshot. */
  beginWriting(): void {
    if (this.generation % 2 === 0) Atomics.add(this.#words, 0, 1);
  }

  /** The tasks are in their columns; writes everything else. */
  endWriting(entries: Iterable<DomainEntry>, taskCount: number, timeNs: number, intervalNs: number): void {
    let count = 0;
    for (const entry of entries) this.domains.put(count++, entry);
    this.setCounts(count, taskCount, timeNs, intervalNs);
    Atomics.add(this.#words, 0, 1);
  }

  /** Sets all that is not in a column of domains or tasks. */
  setCounts(domainCount: number, taskCount: number, timeNs: number, intervalNs: number): void {
    this.#words[1] = domainCount;
    this.#words[2] = taskCount;
    this.#times[0] = timeNs;
    this.#times[1] = intervalNs;
  }

  /** Takes over another snapshot. False when that was being written meanwhile: what is here now is worth nothing. */
  copyFrom(other: HostColumns): boolean {
    const { generation } = other;
    if (generation % 2 !== 0) return false;
    const domainCount = Math.min(Math.max(other.domainCount, 0), this.domains.slot.length);
    const taskCount = Math.min(Math.max(other.taskCount, 0), this.tasks.capacity);
    this.tasks.copyFrom(other.tasks, taskCount);
    this.domains.copyFrom(other.domains, domainCount);
    this.setCounts(domainCount, taskCount, other.timeNs, other.intervalNs);
    Atomics.store(this.#words, 0, generation);
    return other.generation === generation;
  }
}
export const SharedHost = Symbol("SharedHost");
