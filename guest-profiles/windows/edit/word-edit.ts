import type { AddressSpace, EditTransaction, GuestVa } from "vmmsched/plugin-api";

/** Members narrower than a word: the transaction expects the whole word, neighbours too, and writes it back changed. */

/** Stages `bits` for the bits of `mask` in the aligned word at `va + word`. */
export function stageBits(
  space: AddressSpace,
  edit: EditTransaction,
  va: GuestVa,
  word: number,
  mask: number,
  bits: number,
): void {
  const before = space.u32(va, word);
  edit.expect32(va, word, before).write32(va, word, ((before & ~mask) | bits) >>> 0);
}

export function stageByte(
  space: AddressSpace,
  edit: EditTransaction,
  va: GuestVa,
  offset: number,
  value: number,
): void {
  const shift = (offset & 3) * 8;
  stageBits(space, edit, va, offset & ~3, 0xff << shift, value << shift);
}

/** Stages two bytes, of one word or of two. */
export function stageTwoBytes(
  space: AddressSpace,
  edit: EditTransaction,
  va: GuestVa,
  one: number,
  oneValue: number,
  other: number,
  otherValue: number,
): void {
  if ((one & ~3) !== (other & ~3)) {
    stageByte(space, edit, va, one, oneValue);
    stageByte(space, edit, va, other, otherValue);
    return;
  }
  const [shift, otherShift] = [(one & 3) * 8, (other & 3) * 8];
  const mask = (0xff << shift) | (0xff << otherShift);
  stageBits(space, edit, va, one & ~3, mask, (oneValue << shift) | (otherValue << otherShift));
}

/** The word that holds `va + offset` has to stay as it is. */
export function expectWord(space: AddressSpace, edit: EditTransaction, va: GuestVa, offset: number): void {
  edit.expect32(va, offset & ~3, space.u32(va, offset & ~3));
}
