/**
 * A number for each task, found by its identity (domain slot, address of its structure, start time). A hash table of
 * typed arrays (open addressing, at most half full): nothing is allocated once the capacity is known.
 */
export class TaskTable {
  readonly #size: number;
  readonly #hashShift: number;
  readonly #addresses: Float64Array;
  readonly #slots: Int32Array;
  readonly #startTimes: Float64Array;
  readonly #values: Float64Array;
  /** 1 = the slot has tasks. There are never more slots than tasks. */
  readonly #slotsUsed: Uint8Array;

  constructor(capacity: number) {
    this.#size = 2 ** Math.ceil(Math.log2(Math.max(16, 2 * capacity)));
    this.#hashShift = 32 - Math.log2(this.#size);
    this.#addresses = new Float64Array(this.#size);
    this.#slots = new Int32Array(this.#size);
    this.#startTimes = new Float64Array(this.#size);
    this.#values = new Float64Array(this.#size);
    this.#slotsUsed = new Uint8Array(this.#size);
  }

  clear(): void {
    this.#addresses.fill(0);
    this.#slotsUsed.fill(0);
  }

  hasSlot(slot: number): boolean {
    return this.#slotsUsed[slot] === 1;
  }

  /** The task's number, or -1 for a task that is not in the table. */
  get(slot: number, address: number, startTimeNs: number): number {
    for (let i = this.#hash(slot, address); this.#addresses[i] !== 0; i = (i + 1) & (this.#size - 1)) {
      if (this.#addresses[i] === address && this.#slots[i] === slot && this.#startTimes[i] === startTimeNs) {
        return this.#values[i] ?? -1;
      }
    }
    return -1;
  }

  put(slot: number, address: number, startTimeNs: number, value: number): void {
    let i = this.#hash(slot, address);
    while (this.#addresses[i] !== 0) i = (i + 1) & (this.#size - 1);
    this.#addresses[i] = address;
    this.#slots[i] = slot;
    this.#startTimes[i] = startTimeNs;
    this.#values[i] = value;
    this.#slotsUsed[slot] = 1;
  }

  /** Structures are spread by at least 64 bytes; the multiplier is Knuth's. */
  #hash(slot: number, address: number): number {
    return (
      (Math.imul(Math.floor(address / 64) | 0, 0x9e3779b1) + Math.imul(slot, 0x85ebca6b)) >>> this.#hashShift
    );
  }
}
