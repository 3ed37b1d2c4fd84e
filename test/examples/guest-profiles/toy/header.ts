import { isVmmschedError, vaFromBigInt, type AddressSpace } from "vmmsched/plugin-api";

/** Every toy kernel maps its header here. */
export const headerVa = vaFromBigInt(0xffffc00000000000n);
/** Byte offsets in the header; the same in all versions. */
export const header = { magic: 0, version: 8, up: 12, table: 16, capacity: 24, lock: 28 } as const;
/** "ToyOS" as two little-endian words. */
const magic = [0x4f796f54, 0x00000053] as const;

/** Does this page table belong to a toy? Whatever cannot be read is none. */
export function isToy(space: AddressSpace): boolean {
  try {
    return (
      space.u32(headerVa, header.magic) === magic[0] && space.u32(headerVa, header.magic + 4) === magic[1]
    );
  } catch (error) {
    if (isVmmschedError(error)) return false;
    throw error;
  }
}
