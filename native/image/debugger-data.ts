import { isVmmschedError } from "../../core/errors.js";
import type { VcpuContext } from "../../core/hypervisor.js";
import { isKernelObject, vaOffset, type GuestVa } from "../../core/memory/address.js";
import type { AddressSpace } from "../../core/memory/address-space.js";

/**
 * KDDEBUGGER_DATA64 (wdbgexts.h of the debugging tools), which Windows fills in for debuggers: pointers, and the places of a
 * few members, as 16-bit offsets.
 */
export const debuggerData = {
  tag: 0x10,
  KiProcessorBlock: 0x218,
  OffsetKThreadApcProcess: 0x2a0,
  SizeEProcess: 0x2a8,
  OffsetPrcbCurrentThread: 0x2b4,
  SizeEThread: 0x2c0,
  OffsetPcrContainedPrcb: 0x2e6,
  bytes: 0x2f0,
} as const;
/** "KDBG" */
export const debuggerTag = 0x4742444b;
/** Windows takes no more processors than these. */
export const mostProcessors = 2048;

/**
 * The processors of a dump, with their KPCRs as GS bases where the debugger data block leads to them. All of them are in the
 * kernel: Windows stops them there before it writes. `rip`: the one that is known.
 */
export function dumpedVcpus(
  space: AddressSpace,
  block: GuestVa,
  count: number,
  rip: number,
): readonly VcpuContext[] {
  const { root, paging } = space;
  return Array.from({ length: count }, (_, id) => ({
    id,
    root,
    paging,
    userMode: false,
    rip: count === 1 ? rip : 0,
    gsBase: processorRegion(space, block, id),
  }));
}

/** Address of a processor's KPCR, or 0 where the dump does not tell. */
function processorRegion(space: AddressSpace, block: GuestVa, id: number): number {
  try {
    if (!isKernelObject(block) || space.u32(block, debuggerData.tag) !== debuggerTag) return 0;
    const processors = space.pointer(block, debuggerData.KiProcessorBlock);
    const prcb = isKernelObject(processors) ? space.pointer(processors, 8 * id) : 0;
    if (!isKernelObject(prcb)) return 0;
    return vaOffset(prcb, -space.u16(block, debuggerData.OffsetPcrContainedPrcb));
  } catch (error) {
    if (isVmmschedError(error)) return 0;
    throw error;
  }
}
