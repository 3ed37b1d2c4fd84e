import type { AddressSpace } from "./address-space.js";
import type { Frame, GuestVa } from "./address.js";

const twoTo32 = 2 ** 32;

/**
 * A structure in guest memory, from which code goes on to the next one. Addresses are large numbers, and one that is passed
 * or returned may cost an allocation; here they stay in place, and a walk over thousands of structures allocates nothing.
 * Readers throw as those of {@link AddressSpace}; offsets are multiples of 4, but for {@link u8}.
 */
export class StructCursor {
  readonly #at = new Float64Array(1);

  constructor(private readonly space: AddressSpace) {}

  get address(): GuestVa {
    return (this.#at[0] ?? 0) as GuestVa;
  }

  set address(va: GuestVa) {
    this.#at[0] = va;
  }

  /** Goes where `other` is, and so many bytes on. */
  to(other: StructCursor, bytes = 0): void {
    this.#at[0] = (other.#at[0] ?? 0) + bytes;
  }

  /** Is it the address in `from[index]`? */
  isAt(from: Float64Array, index: number): boolean {
    return this.#at[0] === from[index];
  }

  /** Goes to the address that {@link storeAddress} put into `from[index]`. */
  load(from: Float64Array, index: number): void {
    this.#at[0] = from[index] ?? 0;
  }

  /** Goes where the pointer at `offset` of `from` points to, without the bits that `mask` does not have in its low word. */
  follow(from: StructCursor, offset: number, mask = -1): void {
    const low = from.i32(offset) & mask;
    this.#at[0] = from.i32(offset + 4) * twoTo32 + (low >>> 0);
  }

  /** The frame that it lies in. */
  frame(): Frame {
    return this.space.frameAt(this.#at, 0);
  }

  /** Can it be a kernel object (isKernelObject)? */
  isObject(): boolean {
    const va = this.#at[0] ?? 0;
    return va < 0 && va >= -(2 ** 56) && (va & 7) === 0;
  }

  same(other: StructCursor): boolean {
    return this.#at[0] === other.#at[0];
  }

  /** Is the pointer at `offset` that to `target`? */
  pointsTo(offset: number, target: StructCursor): boolean {
    const va = target.#at[0] ?? 0;
    return this.i32(offset) === (va | 0) && this.i32(offset + 4) === (Math.floor(va / twoTo32) | 0);
  }

  i32(offset: number): number {
    return this.space.memory.i32(
      this.space.frameAt(this.#at, offset),
      (((this.#at[0] ?? 0) & 0xfff) + offset) & 0xfff,
    );
  }

  u8(offset: number): number {
    return (this.i32(offset - (offset & 3)) >>> (8 * (offset & 3))) & 0xff;
  }

  /** A 64-bit count or time, exact up to 2^53. */
  storeU64(offset: number, into: Float64Array, index: number): void {
    into[index] = (this.i32(offset + 4) >>> 0) * twoTo32 + (this.i32(offset) >>> 0);
  }

  storeAddress(into: Float64Array, index: number): void {
    into[index] = this.#at[0] ?? 0;
  }
}
