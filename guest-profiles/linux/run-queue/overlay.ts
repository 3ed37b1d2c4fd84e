import { VmmschedError, highWord, isKernelObject, vaFromWords } from "vmmsched/plugin-api";
import type { AddressSpace, EditTransaction, GuestVa } from "vmmsched/plugin-api";

const slotCount = 1 << 15;
const mostCells = 1 << 14;
/** Bits of a cell: which of its two words were written, and which of those that were read decide something. */
const wroteLow = 1;
const wroteHigh = 2;
const sawLow = 4;
const sawHigh = 8;

/**
 * Guest memory with changes laid over it: reads see the guest through an address space and, above it, what was written
 * here; nothing reaches the guest before {@link stage} has handed all of it to a transaction. It keeps cells of 8 bytes
 * in tables of a fixed size, so that a plan in a pause allocates nothing, and one overlay serves all plans.
 */
export class Overlay {
  readonly #keys = new Float64Array(slotCount);
  readonly #bases = new Float64Array(slotCount);
  readonly #offsets = new Int32Array(slotCount);
  readonly #low = new Uint32Array(slotCount);
  readonly #high = new Uint32Array(slotCount);
  readonly #lowBefore = new Uint32Array(slotCount);
  readonly #highBefore = new Uint32Array(slotCount);
  readonly #marks = new Uint8Array(slotCount);
  /** A slot is in use if it has the number of the present plan. */
  readonly #plans = new Uint32Array(slotCount);
  readonly #used = new Int32Array(mostCells);
  #count = 0;
  #plan = 0;
  #watching = false;
  #space: AddressSpace | undefined;

  /** Starts over with what the guest has now. */
  begin(space: AddressSpace): void {
    this.#space = space;
    this.#plan++;
    this.#count = 0;
    this.#watching = false;
  }

  /** Does what is read from now on decide what is written? Then the transaction will expect it. */
  watch(decides: boolean): void {
    this.#watching = decides;
  }

  u32(va: GuestVa, offset: number): number {
    const slot = this.#slot(va, offset);
    if ((offset & 4) === 0) {
      this.#see(slot, sawLow);
      return this.#low[slot] ?? 0;
    }
    this.#see(slot, sawHigh);
    return this.#high[slot] ?? 0;
  }

  u8(va: GuestVa, offset: number): number {
    return (this.u32(va, offset & ~3) >>> ((offset & 3) * 8)) & 0xff;
  }

  pointer(va: GuestVa, offset: number): GuestVa {
    const slot = this.#slot(va, offset);
    this.#see(slot, sawLow | sawHigh);
    return vaFromWords(this.#low[slot] ?? 0, this.#high[slot] ?? 0);
  }

  /** Does what the pointer at `va + offset` leads to point back, at `back`? For lists. */
  pointsBack(va: GuestVa, offset: number, back: number): boolean {
    const there = this.pointer(va, offset);
    return isKernelObject(there) && this.pointer(there, back) === va;
  }

  /** A signed 64-bit value; exact up to 2^53, so callers check with Number.isSafeInteger where it may be larger. */
  s64(va: GuestVa, offset: number): number {
    return this.pointer(va, offset);
  }

  /** Value at `a` minus value at `b`, as the kernel compares virtual times: (s64)(a - b). */
  difference(a: GuestVa, aOffset: number, b: GuestVa, bOffset: number): number {
    const first = this.#slot(a, aOffset);
    const second = this.#slot(b, bOffset);
    this.#see(first, sawLow | sawHigh);
    this.#see(second, sawLow | sawHigh);
    const low = (this.#low[first] ?? 0) - (this.#low[second] ?? 0);
    const high = (this.#high[first] ?? 0) - (this.#high[second] ?? 0) - (low < 0 ? 1 : 0);
    return (high | 0) * 2 ** 32 + (low >>> 0);
  }

  write32(va: GuestVa, offset: number, value: number): void {
    const slot = this.#slot(va, offset);
    if ((offset & 4) === 0) {
      this.#low[slot] = value;
      this.#mark(slot, wroteLow);
    } else {
      this.#high[slot] = value;
      this.#mark(slot, wroteHigh);
    }
  }

  write8(va: GuestVa, offset: number, value: number): void {
    const shift = (offset & 3) * 8;
    const word = this.u32(va, offset & ~3);
    this.write32(va, offset & ~3, ((word & ~(0xff << shift)) | (value << shift)) >>> 0);
  }

  /** A pointer, or a signed number of at most 53 bits. */
  write64(va: GuestVa, offset: number, value: number): void {
    const slot = this.#slot(va, offset);
    this.#low[slot] = value >>> 0;
    this.#high[slot] = highWord(value);
    this.#mark(slot, wroteLow | wroteHigh);
  }

  add32(va: GuestVa, offset: number, by: number): void {
    this.write32(va, offset, (this.u32(va, offset) + by) >>> 0);
  }

  /** Adds a signed number of at most 53 bits, modulo 2^64. */
  add64(va: GuestVa, offset: number, by: number): void {
    const slot = this.#slot(va, offset);
    this.#see(slot, sawLow | sawHigh);
    const low = (this.#low[slot] ?? 0) + (by >>> 0);
    this.#low[slot] = low;
    this.#high[slot] = (this.#high[slot] ?? 0) + highWord(by) + (low >= 2 ** 32 ? 1 : 0);
    this.#mark(slot, wroteLow | wroteHigh);
  }

  copy64(to: GuestVa, toOffset: number, from: GuestVa, fromOffset: number): void {
    const source = this.#slot(from, fromOffset);
    const target = this.#slot(to, toOffset);
    this.#see(source, sawLow | sawHigh);
    this.#low[target] = this.#low[source] ?? 0;
    this.#high[target] = this.#high[source] ?? 0;
    this.#mark(target, wroteLow | wroteHigh);
  }

  /** Hands everything over: expects each word that was watched or is written as the guest had it, and writes what differs. */
  stage(edit: EditTransaction): void {
    for (let i = 0; i < this.#count; i++) {
      const slot = this.#used[i] ?? 0;
      const marks = this.#marks[slot] ?? 0;
      if ((marks & (sawLow | wroteLow)) !== 0) this.#stageWord(edit, slot, 0);
      if ((marks & (sawHigh | wroteHigh)) !== 0) this.#stageWord(edit, slot, 4);
    }
  }

  #stageWord(edit: EditTransaction, slot: number, half: 0 | 4): void {
    const va = (this.#bases[slot] ?? 0) as GuestVa;
    const offset = (this.#offsets[slot] ?? 0) + half;
    const before = (half === 0 ? this.#lowBefore[slot] : this.#highBefore[slot]) ?? 0;
    const after = (half === 0 ? this.#low[slot] : this.#high[slot]) ?? 0;
    edit.expect32(va, offset, before);
    if (after !== before) edit.write32(va, offset, after);
  }

  #see(slot: number, words: number): void {
    if (this.#watching) this.#mark(slot, words);
  }

  #mark(slot: number, marks: number): void {
    this.#marks[slot] = (this.#marks[slot] ?? 0) | marks;
  }

  /** Slot of the cell that `va + offset` lies in, filled from the guest when it is met first. */
  #slot(va: GuestVa, offset: number): number {
    const inCell = offset & ~7;
    // A multiple of 8, so exact for every address.
    const key = va + inCell;
    let slot = (Math.imul((key | 0) >>> 3, 0x9e3779b1) ^ highWord(key)) & (slotCount - 1);
    for (; this.#plans[slot] === this.#plan; slot = (slot + 1) & (slotCount - 1))
      if (this.#keys[slot] === key) return slot;
    if (this.#space === undefined || this.#count === mostCells)
      throw new VmmschedError("ERR_TRANSACTION_STATE", `an overlay holds ${mostCells} cells at most`);
    const low = this.#space.u32(va, inCell);
    const high = this.#space.u32(va, inCell + 4);
    this.#plans[slot] = this.#plan;
    this.#keys[slot] = key;
    this.#bases[slot] = va;
    this.#offsets[slot] = inCell;
    this.#low[slot] = this.#lowBefore[slot] = low;
    this.#high[slot] = this.#highBefore[slot] = high;
    this.#marks[slot] = 0;
    this.#used[this.#count++] = slot;
    return slot;
  }
}
