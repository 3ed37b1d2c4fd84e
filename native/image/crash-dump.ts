import { AddressSpace } from "../../core/memory/address-space.js";
import {
  isKernelObject,
  pageBytes,
  vaFromBigInt,
  type Frame,
  type GuestVa,
} from "../../core/memory/address.js";
import { fourLevelPaging } from "../../core/memory/paging.js";
import { bitmapSegments, fullSegments } from "./crash-dump-pages.js";
import { dumpedVcpus, mostProcessors } from "./debugger-data.js";
import { offset64 } from "./elf.js";
import { invalidImage, type ImageFile } from "./image-file.js";
import { ImageMemory, type Segment } from "./image-memory.js";
import type { Image } from "./image.js";
import { readTriageBlocks } from "./triage-dump.js";

/** First bytes of the crash dumps of 64-bit Windows, whatever the processor. */
export const crashDumpMagic = "PAGEDU64";
export const crashDumpHeaderBytes = 0x2000;
/** DUMP_HEADER64; the same places in ReactOS, Volatility and rizin. */
const at = {
  directoryTableBase: 0x10,
  machine: 0x30,
  processors: 0x34,
  debuggerData: 0x80,
  context: 0x348,
  dumpType: 0xf98,
} as const;
/** CONTEXT of x64: Rip. */
const contextRip = 0xf8;
const machines: Readonly<Record<number, string>> = { 0x14c: "32-bit x86", 0x1c4: "ARM", 0xaa64: "ARM64" };
const IMAGE_FILE_MACHINE_AMD64 = 0x8664;
const triage = 4;

/** What is read of each kind of dump, and where its memory is. */
const pageDumps: Readonly<
  Record<
    number,
    { readonly name: string; readonly segments: (file: ImageFile, header: Buffer) => readonly Segment[] }
  >
> = {
  1: { name: "full crash dump of Windows", segments: fullSegments },
  5: { name: "bitmap crash dump of Windows", segments: bitmapSegments },
  6: { name: "bitmap crash dump of Windows, kernel memory only", segments: bitmapSegments },
};
const others: Readonly<Record<number, string>> = {
  2: "an old kernel memory dump",
  3: "a header without memory",
  7: "an automatic dump",
  8: "a kernel memory dump of `.dump /k`",
  9: "a kernel and user memory dump",
  10: "a complete memory dump of a live kernel",
};

/** A crash dump of x64 Windows: all of memory, a part of it, or a triage dump. Throws ERR_IMAGE_INVALID for all others. */
export function readCrashDump(file: ImageFile): Image {
  const header = file.slice(0, crashDumpHeaderBytes, "the header of the crash dump");
  const machine = header.readUInt32LE(at.machine);
  if (machine !== IMAGE_FILE_MACHINE_AMD64) {
    const known = machines[machine] ?? `machine 0x${machine.toString(16)}`;
    throw invalidImage(file.path, `a crash dump of Windows for ${known}; only those for x64 are read`);
  }
  const debuggerData = vaFromBigInt(header.readBigInt64LE(at.debuggerData));
  const root = Math.floor(offset64(header, at.directoryTableBase) / pageBytes) as Frame;
  const processors = header.readUInt32LE(at.processors);
  if (processors < 1 || processors > mostProcessors || root < 1 || root >= 2 ** 40)
    throw invalidImage(
      file.path,
      `a crash dump with ${processors} processors and its page table in frame 0x${root.toString(16)}`,
    );
  const { format, memory } = memoryOf(file, header, root, debuggerData);
  const space = new AddressSpace(memory, fourLevelPaging, root);
  const rip = Number(header.readBigInt64LE(at.context + contextRip));
  return {
    format,
    kind: "hvm",
    memory,
    vcpus: dumpedVcpus(space, debuggerData, processors, rip),
    ...(isKernelObject(debuggerData) ? { debuggerData } : {}),
  };
}

function memoryOf(
  file: ImageFile,
  header: Buffer,
  root: Frame,
  debuggerData: GuestVa,
): Pick<Image, "format" | "memory"> {
  const type = header.readUInt32LE(at.dumpType);
  if (type === triage) {
    return { format: "triage crash dump of Windows", memory: readTriageBlocks(file, root, debuggerData) };
  }
  const dump = pageDumps[type];
  if (dump === undefined) {
    const known = others[type] ?? "a crash dump of an unknown kind";
    throw invalidImage(
      file.path,
      `this is ${known} (DumpType ${type}); full, bitmap and triage dumps are read (DumpType 1, 5, 6 and 4)`,
    );
  }
  return { format: dump.name, memory: new ImageMemory(file, dump.segments(file, header)) };
}
