import { pageBytes } from "../../../core/memory/address.js";
import type { PageAllocator } from "../linux/page-allocator.js";
import type { PageTables } from "../linux/page-tables.js";
import type { Random } from "../linux/random.js";

/** Pages that {@link PageAllocator.slab} gives at once. */
const runPages = 8;

/** Kernel addresses behind which any page frames lie: neighbours in the pool are none in RAM. */
export class SystemPages {
  #next: number;
  #run: number[] = [];

  constructor(
    private readonly tables: PageTables,
    private readonly root: number,
    private readonly allocator: PageAllocator,
    private readonly random: Random,
    readonly base: number,
    readonly bytes: number,
  ) {
    this.#next = base;
    tables.reserve(root, base);
  }

  /** Maps `count` pages of any contents at consecutive addresses, for good; returns the first. */
  map(count: number): number {
    const va = this.#next;
    this.#next += count * pageBytes;
    if (this.#next > this.base + this.bytes)
      throw new RangeError("the simulated guest has no system addresses left");
    for (let i = 0; i < count; i++) this.tables.map(this.root, va + i * pageBytes, this.#frame());
    return va;
  }

  /** From anywhere in RAM. */
  #frame(): number {
    if (this.random.chance(0.5)) return this.allocator.page();
    const pfn = this.#run.pop();
    if (pfn !== undefined) return pfn;
    const first = this.allocator.slab();
    this.#run = Array.from(this.random.shuffle(Int32Array.from({ length: runPages }, (_, i) => first + i)));
    return this.#frame();
  }
}
