/**
 * Guest addresses are numbers: the canonical 64-bit address read as a signed value (0xffff888000000000 is
 * -0x778000000000). A double holds it exactly for every 48-bit address, and for every 57-bit address that is a
 * multiple of 8. Hence the rule of this code base: an address names a structure (8-aligned), and a member is
 * reached by its offset, passed beside the address and never added to it. Nothing is allocated on the way.
 */
declare const guestVa: unique symbol;
declare const frame: unique symbol;

/** Guest virtual address, signed, canonical, 8-aligned unless the caller knows that paging has 4 levels. */
export type GuestVa = number & { readonly [guestVa]: true };

/**
 * Frame number as this domain's own page tables hold it: a machine frame (MFN) for Xen PV, a guest frame (GFN) for
 * everything else. It is what the driver maps.
 */
export type Frame = number & { readonly [frame]: true };

export const pageBytes = 4096;
export const nullVa = 0 as GuestVa;

const twoTo32 = 2 ** 32;

/** From the two 32-bit halves of a pointer in memory. Inexact only for a 57-bit address that is not 8-aligned. */
export function vaFromWords(low: number, high: number): GuestVa {
  return ((high | 0) * twoTo32 + (low >>> 0)) as GuestVa;
}

export function vaFromBigInt(value: bigint): GuestVa {
  return Number(BigInt.asIntN(64, value)) as GuestVa;
}

/** Low 32 bits, unsigned. */
export function lowWord(va: number): number {
  return va >>> 0;
}

/** High 32 bits, unsigned. */
export function highWord(va: number): number {
  return Math.floor(va / twoTo32) >>> 0;
}

/** `va + bytes`, for walking arrays of 8-aligned structures. */
export function vaOffset(va: GuestVa, bytes: number): GuestVa {
  return (va + bytes) as GuestVa;
}

/** Can `va` be the address of a kernel object: upper half, canonical for 57 bits, 8-aligned? */
export function isKernelObject(va: number): va is GuestVa {
  return va < 0 && va >= -(2 ** 56) && (va & 7) === 0;
}

/** Sixteen hexadecimal digits with 0x, for messages. */
export function formatVa(va: number): string {
  return "0x" + highWord(va).toString(16).padStart(8, "0") + lowWord(va).toString(16).padStart(8, "0");
}
