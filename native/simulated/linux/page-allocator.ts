import { pageBytes } from "../../../core/memory/address.js";
import type { Ram } from "../ram.js";
import type { Random } from "./random.js";

const slabPages = 8;

/**
 * Hands out the guest's free pages. Single pages come in no order, as after some uptime, so that what is contiguous in
 * a vmalloc area is not in RAM; slabs are eight contiguous pages. Pages keep their old contents until somebody clears them.
 */
export class PageAllocator {
  readonly #single: number[];
  #nextSlab: number;
  readonly #end: number;
  readonly #freeSlabs: number[] = [];

  /** Serves PFNs `[from, ram.pages)`; the upper half goes to slabs. */
  constructor(
    private readonly ram: Ram,
    from: number,
    random: Random,
  ) {
    const middle = Math.ceil((from + (ram.pages - from) / 2) / slabPages) * slabPages;
    this.#single = Array.from(random.shuffle(Int32Array.from({ length: middle - from }, (_, i) => from + i)));
    this.#nextSlab = middle;
    this.#end = ram.pages;
  }

  /** PFN of one page, contents undefined. */
  page(): number {
    const pfn = this.#single.pop();
    if (pfn === undefined)
      throw new RangeError("the simulated guest is out of memory: give it more memoryBytes");
    return pfn;
  }

  zeroedPage(): number {
    const pfn = this.page();
    this.ram.bytes.fill(0, pfn * pageBytes, (pfn + 1) * pageBytes);
    return pfn;
  }

  freePage(pfn: number): void {
    this.#single.push(pfn);
  }

  /** First PFN of eight contiguous pages. */
  slab(): number {
    const freed = this.#freeSlabs.pop();
    if (freed !== undefined) return freed;
    if (this.#nextSlab + slabPages > this.#end)
      throw new RangeError("the simulated guest is out of memory: give it more memoryBytes");
    this.#nextSlab += slabPages;
    return this.#nextSlab - slabPages;
  }

  /** First PFN of `count` contiguous pages, never freed. */
  contiguous(count: number): number {
    const pfn = this.#nextSlab;
    this.#nextSlab += Math.ceil(count / slabPages) * slabPages;
    if (this.#nextSlab > this.#end)
      throw new RangeError("the simulated guest is out of memory: give it more memoryBytes");
    return pfn;
  }
}
