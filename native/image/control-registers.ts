/** Bits of control registers (Intel SDM vol. 3A, 2.5), asked of values that may have more than 32. */
const CR0_PG = 2 ** 31;
const CR4_PAE = 1 << 5;
const CR4_LA57 = 1 << 12;

export const controlBits = {
  /** Is paging on, with 64-bit entries? */
  paged: (cr0: number, cr4: number): boolean => cr0 % 2 ** 32 >= CR0_PG && (cr4 & CR4_PAE) !== 0,
  /** Have page tables five levels? */
  fiveLevel: (cr4: number): boolean => (cr4 & CR4_LA57) !== 0,
} as const;
