import { formatVa, pageBytes } from "../../../core/memory/address.js";
import { walk, type PagingMode } from "../../../core/memory/paging.js";
import type { Ram } from "../ram.js";
import { Oops } from "./oops.js";

const twoTo32 = 2 ** 32;
/** __START_KERNEL_map, as a signed address. */
export const startKernelMap = -(2 ** 31);
const imageEnd = -(2 ** 30);

/** Where the kernel's linear mappings lie. */
export interface LinearMaps {
  /** page_offset_base: virtual address of physical address 0. */
  readonly pageOffset: number;
  /** phys_base: physical address = address - __START_KERNEL_map + phys_base, for the image. */
  readonly physBase: number;
}

/**
 * Memory as the guest's kernel sees it, through its own mappings: what stands in RAM is all that its scheduler knows.
 * A bad address, for instance in a list that somebody broke, ends as in a real kernel: an oops.
 */
export class KernelMemory {
  readonly #words: Uint32Array;
  readonly #imageBase: number;
  readonly #ramBytes: number;

  constructor(
    readonly ram: Ram,
    readonly maps: LinearMaps,
    private readonly mode: PagingMode,
    private readonly root: number,
  ) {
    this.#words = ram.words;
    this.#imageBase = startKernelMap - maps.physBase;
    this.#ramBytes = ram.pages * pageBytes;
  }

  /** Physical address of `va + offset`. */
  pa(va: number, offset: number): number {
    const direct = va - this.maps.pageOffset + offset;
    if (direct >= 0 && direct < this.#ramBytes) return direct;
    if (va >= startKernelMap && va < imageEnd) {
      const inImage = va - this.#imageBase + offset;
      if (inImage >= 0 && inImage < this.#ramBytes) return inImage;
    }
    return this.#walk(va, offset);
  }

  u32(va: number, offset: number): number {
    return this.#words[this.pa(va, offset) >>> 2] ?? 0;
  }

  w32(va: number, offset: number, value: number): void {
    this.#words[this.pa(va, offset) >>> 2] = value;
  }

  /** A pointer or a signed 64-bit count. */
  s64(va: number, offset: number): number {
    const at = this.pa(va, offset) >>> 2;
    return ((this.#words[at + 1] ?? 0) | 0) * twoTo32 + (this.#words[at] ?? 0);
  }

  w64(va: number, offset: number, value: number): void {
    const at = this.pa(va, offset) >>> 2;
    this.#words[at] = value;
    this.#words[at + 1] = Math.floor(value / twoTo32);
  }

  u16(va: number, offset: number): number {
    return (this.u32(va, offset & ~3) >>> ((offset & 2) * 8)) & 0xffff;
  }

  /** Writes bytes inside linear memory. */
  write(va: number, offset: number, bytes: Uint8Array): void {
    this.ram.bytes.set(bytes, this.pa(va, offset));
  }

  /** Clears a structure in linear memory. */
  zero(va: number, length: number): void {
    const from = this.pa(va, 0);
    this.ram.bytes.fill(0, from, from + length);
  }

  /** Address in the direct map of a page. */
  pageAddress(pfn: number): number {
    return this.maps.pageOffset + pfn * pageBytes;
  }

  #walk(va: number, offset: number): number {
    const inPage = ((va & 0xfff) + offset) & 0xfff;
    const page = va - (va & 0xfff);
    const frame =
      va < 0 && va >= -(2 ** 56)
        ? walk(this.ram, this.mode, this.ram.frame(this.root), page + (((va & 0xfff) + offset) & ~0xfff))
        : -1;
    if (frame < 0) {
      throw new Oops(
        `BUG: unable to handle page fault for address: ${formatVa(va).slice(2)}, offset ${String(offset)}`,
      );
    }
    return this.ram.pfn(frame) * pageBytes + inPage;
  }
}
