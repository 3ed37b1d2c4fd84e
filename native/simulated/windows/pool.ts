import { pageBytes } from "../../../core/memory/address.js";
import type { Random } from "../linux/random.js";
import { poolHeaderBytes } from "./constants.js";
import type { KernelMemory } from "./kernel-memory.js";
import type { SystemPages } from "./system-pages.js";

const unit = 16;
/** PoolType in the header of a block of nonpaged pool that is in use; 0 in a free one. */
const nonPaged = 2;

/**
 * Nonpaged pool: pages cut into blocks with a POOL_HEADER each. A freed block keeps its contents until it is given out
 * again, the one that was freed first before the others.
 */
export class Pool {
  readonly #free = new Map<number, number[]>();
  #page = 0;
  #used = pageBytes;
  /** Size of the block before, in units. */
  #previous = 0;

  constructor(
    private readonly memory: KernelMemory,
    private readonly pages: SystemPages,
    private readonly random: Random,
  ) {}

  /**
   * Address behind the POOL_HEADER of a zeroed block of at least `bytes`, less than a page. `align` is that of the
   * address plus `at`, a multiple of 16.
   */
  allocate(bytes: number, tag: string, align = unit, at = 0): number {
    const size = Math.ceil((bytes + poolHeaderBytes) / unit);
    const fits = this.#free.get(size);
    const index = fits?.findIndex((block) => (block + poolHeaderBytes + at) % align === 0) ?? -1;
    const block = fits?.splice(index, index < 0 ? 0 : 1)[0] ?? this.#cut(size, align, at);
    this.memory.zero(block + poolHeaderBytes, size * unit - poolHeaderBytes);
    this.#setHeader(block, size, nonPaged, tag);
    return block + poolHeaderBytes;
  }

  free(address: number): void {
    const block = address - poolHeaderBytes;
    this.memory.w8(block, 3, 0);
    const size = this.memory.u8(block, 2);
    const blocks = this.#free.get(size);
    if (blocks === undefined) this.#free.set(size, [block]);
    else blocks.push(block);
  }

  /** Frees a block that is never given out again: what stood in it stays. */
  abandon(address: number): void {
    this.memory.w8(address - poolHeaderBytes, 3, 0);
  }

  /** Cuts a block from a page, with a free one before it as its alignment or chance will have it. */
  #cut(size: number, align: number, at: number): number {
    for (;;) {
      let gap = this.random.below(4) * unit;
      while ((this.#page + this.#used + gap + poolHeaderBytes + at) % align !== 0) gap += unit;
      if (this.#used + gap + size * unit <= pageBytes) {
        if (gap > 0) this.#place(gap / unit, 0, "Free");
        return this.#place(size, nonPaged, "None");
      }
      if (this.#used < pageBytes) this.#place((pageBytes - this.#used) / unit, 0, "Free");
      this.#page = this.pages.map(1);
      this.#used = 0;
      this.#previous = 0;
    }
  }

  #place(size: number, type: number, tag: string): number {
    const block = this.#page + this.#used;
    this.memory.w8(block, 0, this.#previous);
    this.#setHeader(block, size, type, tag);
    this.#used += size * unit;
    this.#previous = size;
    return block;
  }

  #setHeader(block: number, size: number, type: number, tag: string): void {
    this.memory.w8(block, 2, size);
    this.memory.w8(block, 3, type);
    this.memory.write(block, 4, Buffer.from(tag, "latin1"));
  }
}
