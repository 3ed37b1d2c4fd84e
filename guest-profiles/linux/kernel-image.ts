import {
  othersFirst,
  pageBytes,
  presentPages,
  type Frame,
  type GuestVa,
  type PagingMode,
  type PhysicalMemory,
  type PresentPage,
  type VcpuContext,
} from "vmmsched/plugin-api";

/**
 * Where a 64-bit kernel is linked and, with KASLR, moved about: 1 GiB from __START_KERNEL_map; modules come after it
 * (Documentation/arch/x86/x86_64/mm.rst). As signed addresses.
 */
const imageFrom = -(2 ** 31);
const imageTo = -(2 ** 30);
/** A kernel has more read-only data than this; what a user page table maps with KPTI is less. */
const fewestPages = 256;
/** No kernel's image is larger than this; a page table full of chance bits may seem to map more. */
const mostPages = 64 * 1024;
const framesAtOnce = 256;

/** Consecutive mapped bytes of the image. */
interface Segment {
  readonly va: GuestVa;
  readonly at: number;
  readonly length: number;
}

/** A copy of what a live page table maps read-only in the kernel-image range: kallsyms and BTF lie there. */
export class KernelImage {
  constructor(
    readonly memory: PhysicalMemory,
    readonly root: Frame,
    readonly paging: PagingMode,
    readonly bytes: Buffer,
    readonly segments: readonly Segment[],
  ) {}

  /** Address of byte `at` of the copy. */
  addressOf(at: number): GuestVa | undefined {
    const segment = this.segments.find((one) => at >= one.at && at < one.at + one.length);
    return segment && ((segment.va + (at - segment.at)) as GuestVa);
  }

  /** `length` bytes at `va`, or undefined where the copy has no such run. */
  slice(va: GuestVa, length: number): Buffer | undefined {
    const segment = this.segments.find((one) => va >= one.va && va + length <= one.va + one.length);
    if (segment === undefined) return undefined;
    const at = segment.at + (va - segment.va);
    return this.bytes.subarray(at, at + length);
  }
}

/** A page-table root that maps a kernel. */
export interface KernelRoot {
  readonly root: Frame;
  readonly paging: PagingMode;
}

/**
 * Copies the kernel's read-only data through a page table that a vCPU uses now; a kernel that does not protect its data
 * (CONFIG_STRICT_KERNEL_RWX off) is copied whole. What a live page table maps is the running kernel: a copy left in RAM
 * by an earlier boot can never be taken for it. Undefined where it maps none.
 */
export async function readKernelImage(
  memory: PhysicalMemory,
  from: KernelRoot,
): Promise<KernelImage | undefined> {
  const all: PresentPage[] = [];
  for (const page of presentPages(memory, from.paging, from.root, imageFrom, imageTo)) {
    if (all.push(page) > mostPages) return undefined;
    if (all.length % 1024 === 0) await othersFirst();
  }
  const readOnly = all.filter((page) => !page.writable && !page.executable);
  const pages = readOnly.length < fewestPages ? all : readOnly;
  return pages.length < fewestPages ? undefined : copy(memory, from, pages);
}

async function copy(
  memory: PhysicalMemory,
  { root, paging }: KernelRoot,
  pages: readonly PresentPage[],
): Promise<KernelImage> {
  const bytes = Buffer.alloc(pages.length * pageBytes);
  for (let from = 0; from < pages.length; from += framesAtOnce) {
    const batch = pages.slice(from, from + framesAtOnce).map((page) => page.frame);
    memory.readFrames(batch, bytes.subarray(from * pageBytes, (from + batch.length) * pageBytes));
    await othersFirst();
  }
  return new KernelImage(memory, root, paging, bytes, segmentsOf(pages));
}

/** Runs of pages whose addresses follow each other. */
function segmentsOf(pages: readonly PresentPage[]): readonly Segment[] {
  const segments: { va: GuestVa; at: number; length: number }[] = [];
  for (const [i, page] of pages.entries()) {
    const last = segments.at(-1);
    if (last !== undefined && last.va + last.length === page.va) last.length += pageBytes;
    else segments.push({ va: page.va as GuestVa, at: i * pageBytes, length: pageBytes });
  }
  return segments;
}

/**
 * Roots to try, in order. With KPTI a vCPU in user mode has the odd page of the pair in CR3; the kernel's own root is
 * the even one (arch/x86/mm/pti.c).
 */
export function kernelRoots(vcpus: readonly VcpuContext[]): readonly KernelRoot[] {
  return vcpus.flatMap(({ root, paging }) =>
    root % 2 === 1
      ? [
          { root: (root - 1) as Frame, paging },
          { root, paging },
        ]
      : [{ root, paging }],
  );
}
