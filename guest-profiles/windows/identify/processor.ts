import {
  AddressSpace,
  isKernelObject,
  pageBytes,
  vaFromWords,
  vaOffset,
  type Frame,
  type GuestVa,
  type PhysicalMemory,
  type VcpuContext,
} from "vmmsched/plugin-api";
import { attempt } from "./attempt.js";

/** The beginning of KPCR, which is the same in all x64 builds from Vista on. */
export const kpcr = { Self: 0x18, CurrentPrcb: 0x20, IdtBase: 0x38, Prcb: 0x180 } as const;
/** Pages of a KPCR with its KPRCB: those of Windows 11 have 13. */
const mostRegionPages = 32;

/** A processor's KPCR, and an address space in which the kernel can be read. */
export interface Processor {
  readonly space: AddressSpace;
  readonly region: GuestVa;
}

/** Is there a KPCR at `va`? It points at itself and at the KPRCB within it. */
export function isKpcr(space: AddressSpace, va: number): va is GuestVa {
  if (!isKernelObject(va) || va % pageBytes !== 0) return false;
  return (
    attempt(
      () =>
        space.pointer(va, kpcr.Self) === va &&
        space.pointer(va, kpcr.CurrentPrcb) === vaOffset(va, kpcr.Prcb),
    ) ?? false
  );
}

/**
 * The processor that a vCPU is. With KVA shadow CR3 may have a table for user mode, which maps next to nothing of the kernel
 * but the page of the KPRCB that begins with the kernel's own CR3 (KernelDirectoryTableBase): system calls load it from
 * there. Undefined where its GS base is no KPCR, as in programs that set theirs.
 */
export function findProcessor(memory: PhysicalMemory, vcpu: VcpuContext): Processor | undefined {
  const borrowed = new AddressSpace(memory, vcpu.paging, vcpu.root);
  for (const root of kernelRoots(borrowed, vcpu.gsBase)) {
    const space = new AddressSpace(memory, vcpu.paging, root);
    if (isKpcr(space, vcpu.gsBase)) return { space, region: vcpu.gsBase };
  }
  return undefined;
}

function* kernelRoots(borrowed: AddressSpace, gsBase: number): Generator<Frame> {
  yield borrowed.root;
  if (!isKernelObject(gsBase)) return;
  for (let page = 1; page < mostRegionPages; page++) {
    const root = attempt(() => frameOf(borrowed, gsBase, page * pageBytes));
    if (root !== undefined && root > 0 && root !== borrowed.root) yield root;
  }
}

/** Frame in a CR3 value: bits 51..12, so neither PCID nor flags count. */
function frameOf(space: AddressSpace, va: GuestVa, offset: number): Frame {
  const high = space.u32(va, offset + 4) & 0x000fffff;
  return (high * 2 ** 20 + (space.u32(va, offset) >>> 12)) as Frame;
}

/** Where the first handler of the processor's interrupt table is: in the kernel's image. */
export function interruptHandler({ space, region }: Processor): number | undefined {
  return attempt(() => {
    const table = space.pointer(region, kpcr.IdtBase);
    if (!isKernelObject(table)) return undefined;
    return vaFromWords((space.u16(table, 6) << 16) | space.u16(table, 0), space.u32(table, 8));
  });
}
