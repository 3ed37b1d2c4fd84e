import { THREAD_SIZE } from "./constants.js";
import type { Kernel } from "./kernel.js";

const pageBytes = 4096;

/** alloc_thread_stack_node: four pages from anywhere, mapped side by side in the vmalloc area, with a hole after them. */
export function allocStack(kernel: Kernel): { stack: number; pages: readonly number[] } {
  const stack = kernel.freeStacks.pop() ?? kernel.vmallocBase + kernel.nextStack++ * 2 * THREAD_SIZE;
  const pages: number[] = [];
  for (let at = 0; at < THREAD_SIZE; at += pageBytes) {
    const pfn = kernel.allocator.page();
    pages.push(pfn);
    kernel.tables.map(kernel.initRoot, stack + at, pfn);
  }
  return { stack, pages };
}

/** vfree: the mapping goes and the pages are anybody's. */
export function freeStack(kernel: Kernel, stack: number, pages: readonly number[]): void {
  pages.forEach((pfn, i) => {
    kernel.tables.unmap(kernel.initRoot, stack + i * pageBytes);
    kernel.allocator.freePage(pfn);
  });
  kernel.freeStacks.push(stack);
}
