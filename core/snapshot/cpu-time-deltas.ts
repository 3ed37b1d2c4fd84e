import type { TaskColumns } from "./task-columns.js";

/**
 * CPU time of each task since the snapshot before. The previous snapshot is kept in a hash table of typed arrays (open
 * addressing, at most half full), so nothing is allocated once the capacity is known.
 */
export class CpuTimeDeltas {
  #before: Table;
  #now: Table;

  constructor(capacity: number) {
    this.#before = new Table(capacity);
    this.#now = new Table(capacity);
  }

  /**
   * Fills `cpuTimeDeltaNs` of the first `rows` rows. A task that was not there before has used all its time since; but
   * where nothing of its domain was there before, nothing is known and the delta is 0.
   */
  update(columns: TaskColumns, rows: number): void {
    const { before, now } = { before: this.#before, now: this.#now };
    now.clear();
    for (let row = 0; row < rows; row++) {
      const slot = columns.domain[row] ?? 0;
      const address = columns.address[row] ?? 0;
      const startTimeNs = columns.startTimeNs[row] ?? 0;
      const cpuTimeNs = columns.cpuTimeNs[row] ?? 0;
      const known = Math.max(before.get(slot, address, startTimeNs), 0);
      columns.cpuTimeDeltaNs[row] = before.hasSlot(slot) ? cpuTimeNs - known : 0;
      now.put(slot, address, startTimeNs, cpuTimeNs);
    }
    this.#before = now;
    this.#now = before;
  }
}

/** (domain slot, task address, start time) -> CPU time. */
class Table {
  readonly #size: number;
  readonly #hashShift: number;
  readonly #addresses: Float64Array;
  readonly #slots: Int32Array;
  readonly #startTimes: Float64Array;
  readonly #cpuTimes: Float64Array;
  /** 1 = the slot has tasks. There are never more slots than tasks. */
  readonly #slotsUsed: Uint8Array;

  constructor(capacity: number) {
    this.#size = 2 ** Math.ceil(Math.log2(Math.max(16, 2 * capacity)));
    this.#hashShift = 32 - Math.log2(this.#size);
    this.#addresses = new Float64Array(this.#size);
    this.#slots = new Int32Array(this.#size);
    this.#startTimes = new Float64Array(this.#size);
    this.#cpuTimes = new Float64Array(this.#size);
    this.#slotsUsed = new Uint8Array(this.#size);
  }

  clear(): void {
    this.#addresses.fill(0);
    this.#slotsUsed.fill(0);
  }

  hasSlot(slot: number): boolean {
    return this.#slotsUsed[slot] === 1;
  }

  /** The CPU time, or -1 for a task that is not in the table. */
  get(slot: number, address: number, startTimeNs: number): number {
    for (let i = this.#hash(slot, address); this.#addresses[i] !== 0; i = (i + 1) & (this.#size - 1)) {
      if (this.#addresses[i] === address && this.#slots[i] === slot && this.#startTimes[i] === startTimeNs) {
        return this.#cpuTimes[i] ?? -1;
      }
    }
    return -1;
  }

  put(slot: number, address: number, startTimeNs: number, cpuTimeNs: number): void {
    let i = this.#hash(slot, address);
    while (this.#addresses[i] !== 0) i = (i + 1) & (this.#size - 1);
    this.#addresses[i] = address;
    this.#slots[i] = slot;
    this.#startTimes[i] = startTimeNs;
    this.#cpuTimes[i] = cpuTimeNs;
    this.#slotsUsed[slot] = 1;
  }

  /** Structures are spread by at least 64 bytes; the multiplier is Knuth's. */
  #hash(slot: number, address: number): number {
    return (
      (Math.imul(Math.floor(address / 64) | 0, 0x9e3779b1) + Math.imul(slot, 0x85ebca6b)) >>> this.#hashShift
    );
  }
}
