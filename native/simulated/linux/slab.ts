import { pageBytes } from "../../../core/memory/address.js";
import type { KernelMemory } from "./kernel-memory.js";
import type { PageAllocator } from "./page-allocator.js";

const slabBytes = 8 * pageBytes;

/**
 * A kmem_cache: objects of one type in slabs of eight pages. The last freed object is the first to be given out again,
 * with its old contents still there, so addresses of tasks are reused soon, as in a real kernel.
 */
export class Slab {
  readonly #free: number[] = [];

  constructor(
    private readonly memory: KernelMemory,
    private readonly allocator: PageAllocator,
    private readonly objectBytes: number,
    alignment = 64,
  ) {
    this.#stride = Math.ceil(objectBytes / alignment) * alignment;
  }

  readonly #stride: number;

  /** Address of a zeroed object. */
  alloc(): number {
    if (this.#free.length === 0) this.#grow();
    const va = this.#free.pop() ?? 0;
    this.memory.zero(va, this.objectBytes);
    return va;
  }

  free(va: number): void {
    this.#free.push(va);
  }

  #grow(): void {
    const start = this.memory.pageAddress(this.allocator.slab());
    const objects = Math.floor(slabBytes / this.#stride);
    for (let i = objects - 1; i >= 0; i--) this.#free.push(start + i * this.#stride);
  }
}
