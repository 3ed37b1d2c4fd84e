import { pageBytes, vaOffset, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import { formatGuid } from "../import/pdb.js";
import type { PdbId } from "../layout-file.js";
import { attempt } from "./attempt.js";

/** Places in a PE32+ image, as it lies in memory (PE format). */
const dosNewHeader = 0x3c;
const pe = { machine: 4, timeDateStamp: 8, optional: 24 } as const;
const optional = { magic: 0, sizeOfImage: 56, exports: 112, debug: 112 + 6 * 8 } as const;
const IMAGE_DOS_SIGNATURE = 0x5a4d;
const IMAGE_NT_SIGNATURE = 0x4550;
const IMAGE_FILE_MACHINE_AMD64 = 0x8664;
const PE32_PLUS = 0x20b;
const exportName = 12;
/** IMAGE_DEBUG_DIRECTORY, and the CodeView record that one of them leads to. */
const debugEntry = { type: 12, bytes: 16, address: 20, size: 28 } as const;
const IMAGE_DEBUG_TYPE_CODEVIEW = 2;
const mostDebugEntries = 16;
/** "RSDS" */
const rsdsTag = 0x53445352;
const rsds = { guid: 4, age: 20, name: 24, longestName: 64 } as const;
/** Images of kernels have 4 to 24 MiB. */
const mostImageBytes = 64 << 20;
const kernelName = "ntoskrnl.exe";
const kernelPdbs: ReadonlySet<string> = new Set(["ntkrnlmp.pdb", "ntoskrnl.pdb"]);

/** A kernel's image in memory. */
export interface KernelPe {
  readonly base: GuestVa;
  readonly imageBytes: number;
  readonly timeDateStamp: number;
  /** Absent where its page is not there. */
  readonly pdb?: PdbId;
}

/** The kernel whose image begins at `base`; undefined where there is none. */
export function readKernelPe(space: AddressSpace, base: GuestVa): KernelPe | undefined {
  return attempt(() => {
    if (space.u16(base, 0) !== IMAGE_DOS_SIGNATURE) return undefined;
    const header = space.u32(base, dosNewHeader);
    if (header % 4 !== 0 || header > pageBytes - 0x108) return undefined;
    const known =
      space.u32(base, header) === IMAGE_NT_SIGNATURE &&
      space.u16(base, header + pe.machine) === IMAGE_FILE_MACHINE_AMD64 &&
      space.u16(base, header + pe.optional + optional.magic) === PE32_PLUS;
    const imageBytes = space.u32(base, header + pe.optional + optional.sizeOfImage);
    if (!known || imageBytes < pageBytes || imageBytes > mostImageBytes) return undefined;
    const pdb = readPdbRecord(space, base, header + pe.optional + optional.debug, imageBytes);
    const named = attempt(() => nameOf(space, base, header + pe.optional + optional.exports, imageBytes));
    // Of several images that are called so, and of one that is not, the kernel is the one with the kernel's PDB.
    const isKernel = named === kernelName || (named === undefined && kernelPdbs.has(pdb?.name ?? ""));
    if (!isKernel) return undefined;
    const timeDateStamp = space.u32(base, header + pe.timeDateStamp);
    return { base, imageBytes, timeDateStamp, ...(pdb === undefined ? {} : { pdb }) };
  });
}

function nameOf(space: AddressSpace, base: GuestVa, directory: number, imageBytes: number): string {
  const at = space.u32(base, directory);
  const name = at > 0 && at < imageBytes - 40 ? space.u32(base, at + exportName) : 0;
  return name > 0 && name < imageBytes - 16 ? space.cstring(base, name, kernelName.length + 1) : "";
}

function readPdbRecord(
  space: AddressSpace,
  base: GuestVa,
  directory: number,
  imageBytes: number,
): PdbId | undefined {
  return attempt(() => {
    const at = space.u32(base, directory);
    const count = Math.min(Math.floor(space.u32(base, directory + 4) / debugEntry.size), mostDebugEntries);
    for (let i = 0; i < count && at < imageBytes; i++) {
      const entry = at + i * debugEntry.size;
      if (space.u32(base, entry + debugEntry.type) !== IMAGE_DEBUG_TYPE_CODEVIEW) continue;
      const record = space.u32(base, entry + debugEntry.address);
      if (record > imageBytes - rsds.name || space.u32(base, record) !== rsdsTag) continue;
      const guid = Buffer.alloc(16);
      space.read(vaOffset(base, record), rsds.guid, guid);
      return {
        name: space.cstring(base, record + rsds.name, rsds.longestName),
        guid: formatGuid(guid),
        age: space.u32(base, record + rsds.age),
      };
    }
    return undefined;
  });
}
