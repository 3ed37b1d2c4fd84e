import { pageBytes } from "../../../core/memory/address.js";
import { tableIndex, type PagingMode } from "../../../core/memory/paging.js";
import type { Ram } from "../ram.js";
import type { PageAllocator } from "./page-allocator.js";

const wordsPerPage = pageBytes / 4;
/** _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY. */
const tableBits = 0x63;
const largeBit = 0x80;
const userBit = 0x4;
const noExecuteHigh = 0x80000000;

/** Builds x86-64 page tables in guest RAM. Entries hold frames: machine frames in a PV guest. */
export class PageTables {
  constructor(
    private readonly ram: Ram,
    readonly mode: PagingMode,
    private readonly allocator: PageAllocator,
    /** PV: Xen validates every table and takes write access to it away. */
    private readonly pv: boolean,
  ) {}

  /** A new, empty top-level table; returns its PFN. */
  newRoot(pfn = this.allocator.page()): number {
    this.ram.bytes.fill(0, pfn * pageBytes, (pfn + 1) * pageBytes);
    if (this.pv) this.ram.setTable(pfn, true);
    return pfn;
  }

  /** Maps the 4 KiB page at `va`. */
  map(root: number, va: number, pfn: number, options: { user?: boolean } = {}): void {
    const table = this.#table(root, va, 12, options.user === true);
    this.#set(
      table,
      tableIndex(va, 12),
      pfn,
      tableBits | (options.user === true ? userBit : 0),
      noExecuteHigh,
    );
  }

  /** Maps 2 MiB at `va` to contiguous pages from `pfn`. PV guests have none. */
  mapLarge(root: number, va: number, pfn: number): void {
    this.#set(this.#table(root, va, 21, false), tableIndex(va, 21), pfn, tableBits | largeBit, 0);
  }

  unmap(root: number, va: number): void {
    const table = this.#table(root, va, 12, false);
    const at = table * wordsPerPage + tableIndex(va, 12) * 2;
    this.ram.words[at] = 0;
    this.ram.words[at + 1] = 0;
  }

  /** Makes sure that the top-level entry of `va` exists, so that copies of the root made later share what is below it. */
  reserve(root: number, va: number): void {
    this.#table(root, va, this.mode.levels[1]?.shift ?? 30, false);
  }

  /** Copies the kernel's half of `from` (entries 256..511), as pgd_ctor does (arch/x86/mm/pgtable.c). */
  copyKernelHalf(from: number, to: number): void {
    const half = wordsPerPage / 2;
    this.ram.words.copyWithin(
      to * wordsPerPage + half,
      from * wordsPerPage + half,
      (from + 1) * wordsPerPage,
    );
  }

  /** Frees a root with the tables of its user half. */
  free(root: number): void {
    this.#freeBelow(root, 0, wordsPerPage / 2);
  }

  #freeBelow(table: number, depth: number, entryWords: number): void {
    const last = depth === this.mode.levels.length - 1;
    for (let word = 0; word < entryWords && !last; word += 2) {
      const low = this.ram.words[table * wordsPerPage + word] ?? 0;
      if ((low & 1) === 0) continue;
      this.#freeBelow(
        this.#pfnOf(low, this.ram.words[table * wordsPerPage + word + 1] ?? 0),
        depth + 1,
        wordsPerPage,
      );
    }
    this.ram.setTable(table, false);
    this.allocator.freePage(table);
  }

  /** The table whose entries cover `va` at `shift`, made where it is missing. */
  #table(root: number, va: number, shift: number, user: boolean): number {
    let table = root;
    for (const level of this.mode.levels) {
      if (level.shift === shift) return table;
      const index = tableIndex(va, level.shift);
      const low = this.ram.words[table * wordsPerPage + index * 2] ?? 0;
      if ((low & 1) !== 0) {
        table = this.#pfnOf(low, this.ram.words[table * wordsPerPage + index * 2 + 1] ?? 0);
      } else {
        const made = this.newRoot();
        this.#set(table, index, made, tableBits | (user ? userBit : 0), 0);
        table = made;
      }
    }
    throw new RangeError(`no paging level has shift ${String(shift)}`);
  }

  #pfnOf(low: number, high: number): number {
    return this.ram.pfn((high & 0xfffff) * 2 ** 20 + (low >>> 12));
  }

  #set(table: number, index: number, pfn: number, bits: number, highBits: number): void {
    const frame = this.ram.frame(pfn);
    const at = table * wordsPerPage + index * 2;
    this.ram.words[at] = ((frame << 12) | bits) >>> 0;
    this.ram.words[at + 1] = ((frame >>> 20) | highBits) >>> 0;
  }
}
