import type { WallTime } from "../clock.js";
import type { ColumnBuffer } from "./column-placer.js";
import { DomainColumns, type DomainEntry } from "./domain-columns.js";
import { TaskColumns } from "./task-columns.js";

/** The memory of a snapshot: what one thread hands to another. */
export interface HostBuffers {
  readonly header: ColumnBuffer;
  readonly domains: ColumnBuffer;
  readonly tasks: ColumnBuffer;
}

const headerBytes = 48;

/** What a snapshot says of the host beside its domains, as {@link "../policy.js".HostSnapshot} has it. */
export interface HostFacts extends WallTime {
  /** 0: not known. */
  readonly cpuCount: number;
}

/**
 * The whole host at one tick, as columns. The cycle writes it; other threads take copies, and find out by the
 * generation, as with a seqlock, whether the cycle wrote meanwhile.
 */
export class HostColumns {
  readonly tasks: TaskColumns;
  readonly domains: DomainColumns;
  /** Host clock, time since the snapshot before, calendar clock. */
  readonly #times: Float64Array;
  /** Generation (odd while it is being written), number of domains, number of tasks, minutes ahead of UTC, number of CPUs. */
  readonly #words: Int32Array;

  constructor(readonly buffers: HostBuffers) {
    this.tasks = new TaskColumns(buffers.tasks);
    this.domains = new DomainColumns(buffers.domains);
    this.#times = new Float64Array(buffers.header, 0, 3);
    this.#words = new Int32Array(buffers.header, 24, 5);
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
  get wallTimeMs(): number {
    return this.#times[2] ?? 0;
  }
  get utcOffsetMinutes(): number {
    return this.#words[3] ?? 0;
  }
  get cpuCount(): number {
    return this.#words[4] ?? 0;
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

  /** Before {@link endWriting}. */
  setFacts({ wallTimeMs, utcOffsetMinutes, cpuCount }: HostFacts): void {
    this.#times[2] = wallTimeMs;
    this.#words[3] = utcOffsetMinutes;
    this.#words[4] = cpuCount;
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
    this.setFacts(other);
    Atomics.store(this.#words, 0, generation);
    return other.generation === generation;
  }
}
export const SharedHost = Symbol("SharedHost");
