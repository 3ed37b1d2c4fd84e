import { setImmediate } from "node:timers/promises";
import {
  pageBytes,
  presentPages,
  vaOffset,
  type Frame,
  type GuestVa,
  type PagingMode,
  type PhysicalMemory,
  type VcpuContext,
} from "../../core/plugin-api.js";

/**
 * Where a 64-bit kernel is linked and, with KASLR, moved about: 1 GiB from __START_KERNEL_map; modules come after it
 * (Documentation/arch/x86/x86_64/mm.rst). As signed addresses.
 */
const imageFrom = -(2 ** 31);
const imageTo = -(2 ** 30);
/** A kernel has more than this mapped there; a user page table with KPTI has less. */
const fewestPages = 1024;
const framesAtOnce = 512;

/** Consecutive mapped bytes of the image. */
interface Segment {
  readonly va: GuestVa;
  readonly at: number;
  readonly length: number;
}

/** A copy of all that a live page table maps in the kernel-image range. */
export class KernelImage {
  constructor(
    readonly root: Frame,
    readonly paging: PagingMode,
    readonly bytes: Buffer,
    readonly segments: readonly Segment[],
  ) {}

  /** Virtual address of byte `at` of the copy. */
  address(at: number): GuestVa {
    const segment = this.segments.find((one) => at >= one.at && at < one.at + one.length);
    if (segment === undefined) throw new RangeError(`byte ${String(at)} lies in no segment of the kernel image`);
    return vaOffset(segment.va, at - segment.at);
  }

  /** `length` bytes at `va`, or undefined where the copy has no such run. */
  slice(va: GuestVa, length: number): Buffer | undefined {
    const segment = this.segments.find((one) => va >= one.va && va + length <= one.va + one.length);
    if (segment === undefined) return undefined;
    const at = segment.at + (va - segment.va);
    return this.bytes.subarray(at, at + length);
  }
}

/**
 * Copies the kernel image through the first vCPU page table that maps one. What a live page table maps is the running
 * kernel: a copy left in RAM by an earlier boot can never be taken for it. Undefined when no vCPU has such a mapping.
 */
export async function readKernelImage(
  memory: PhysicalMemory,
  vcpus: readonly VcpuContext[],
): Promise<KernelImage | undefined> {
  for (const vcpu of vcpus) {
    for (const root of kernelRoots(vcpu)) {
      const image = await readThrough(memory, vcpu.paging, root);
      if (image !== undefined) return image;
    }
  }
  return undefined;
}

/** With KPTI a vCPU in user mode has the odd page of the pair in CR3; the kernel's own root is the even one (arch/x86/mm/pti.c). */
function kernelRoots(vcpu: VcpuContext): readonly Frame[] {
  return vcpu.root % 2 === 1 ? [vcpu.root, (vcpu.root - 1) as Frame] : [vcpu.root];
}

async function readThrough(memory: PhysicalMemory, paging: PagingMode, root: Frame): Promise<KernelImage | undefined> {
  const frames: Frame[] = [];
  const segments: { va: GuestVa; at: number; length: number }[] = [];
  for (const page of presentPages(memory, paging, root, imageFrom, imageTo)) {
    const last = segments.at(-1);
    if (last !== undefined && last.va + last.length === page.va) last.length += pageBytes;
    else segments.push({ va: page.va as GuestVa, at: frames.length * pageBytes, length: pageBytes });
    frames.push(page.frame);
    if (frames.length % 4096 === 0) await setImmediate();
  }
  if (frames.length < fewestPages) return undefined;
  const bytes = Buffer.alloc(frames.length * pageBytes);
  for (let from = 0; from < frames.length; from += framesAtOnce) {
    const batch = frames.slice(from, from + framesAtOnce);
    memory.readFrames(batch, bytes.subarray(from * pageBytes, (from + batch.length) * pageBytes));
    await setImmediate();
  }
  return new KernelImage(root, paging, bytes, segments);
}
