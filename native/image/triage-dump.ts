import { vaFromBigInt, type Frame, type GuestVa } from "../../core/memory/address.js";
import { BlockMemory, type MemoryBlock } from "./block-memory.js";
import { debuggerData, debuggerTag } from "./debugger-data.js";
import { invalidImage, type ImageFile } from "./image-file.js";

/** TRIAGE_DUMP64 behind the header (rizin, dmp_specs.h): places in the file, lengths, and addresses of what lies there. */
const triage = {
  at: 0x2000,
  validOffset: 0x08,
  prcbOffset: 0x1c,
  processOffset: 0x20,
  threadOffset: 0x24,
  callStackOffset: 0x28,
  callStackBytes: 0x2c,
  topOfStack: 0x48,
  dataPageAddress: 0x60,
  dataPageOffset: 0x68,
  dataPageBytes: 0x6c,
  debuggerOffset: 0x70,
  debuggerBytes: 0x74,
  blocksOffset: 0x78,
  blocksCount: 0x7c,
  bytes: 0x80,
} as const;
/** "TRGD", written last: without it the dump is not whole. */
const validTag = 0x44475254;
/** An entry of the table of blocks: address, place in the file, length. */
const entryBytes = 16;
const mostBlocks = 1 << 20;
const mostBlockBytes = 1 << 24;

/**
 * The blocks of virtual memory in a triage dump: those of its table, and the process, thread, stack and debugger data of
 * the processor that failed. Throws ERR_IMAGE_INVALID.
 */
export function readTriageBlocks(file: ImageFile, root: Frame, debuggerVa: GuestVa): BlockMemory {
  const header = file.slice(triage.at, triage.bytes, "the header of the triage dump");
  const valid = file.slice(header.readUInt32LE(triage.validOffset), 4, "the end of the triage dump");
  if (valid.readUInt32LE(0) !== validTag)
    throw invalidImage(file.path, "a triage dump that does not end as one does");
  const blocks = [...tableBlocks(file, header), ...namedBlocks(file, header, debuggerVa)];
  try {
    return new BlockMemory(root, blocks);
  } catch (error) {
    if (error instanceof RangeError) throw invalidImage(file.path, `a triage dump with ${error.message}`);
    throw error;
  }
}

function tableBlocks(file: ImageFile, header: Buffer): readonly MemoryBlock[] {
  const count = header.readUInt32LE(triage.blocksCount);
  if (count > mostBlocks) throw invalidImage(file.path, `a triage dump with ${count} blocks`);
  const table = file.slice(
    header.readUInt32LE(triage.blocksOffset),
    count * entryBytes,
    "the table of blocks",
  );
  return Array.from({ length: count }, (_, i) => {
    const at = i * entryBytes;
    const [offset, bytes] = [table.readUInt32LE(at + 8), table.readUInt32LE(at + 12)];
    return block(file, Number(table.readBigInt64LE(at)), offset, bytes, `block ${i}`);
  });
}

/**
 * What the header names without saying where in virtual memory it was: the debugger data block tells sizes, and in the
 * processor's block and in the thread there are the pointers to the others.
 */
function namedBlocks(file: ImageFile, header: Buffer, debuggerVa: GuestVa): readonly MemoryBlock[] {
  const u32 = (at: number) => header.readUInt32LE(at);
  const va = (at: number) => Number(header.readBigInt64LE(at));
  const blocks = [
    block(file, va(triage.topOfStack), u32(triage.callStackOffset), u32(triage.callStackBytes), "the stack"),
    block(
      file,
      va(triage.dataPageAddress),
      u32(triage.dataPageOffset),
      u32(triage.dataPageBytes),
      "the data page",
    ),
  ];
  const data = block(
    file,
    debuggerVa,
    u32(triage.debuggerOffset),
    u32(triage.debuggerBytes),
    "the debugger data",
  );
  const debug = Buffer.from(data.bytes);
  if (debug.length < debuggerData.bytes || debug.readUInt32LE(debuggerData.tag) !== debuggerTag)
    return blocks;
  const thread = pointerAt(
    file,
    u32(triage.prcbOffset) + debug.readUInt16LE(debuggerData.OffsetPrcbCurrentThread),
  );
  const process = pointerAt(
    file,
    u32(triage.threadOffset) + debug.readUInt16LE(debuggerData.OffsetKThreadApcProcess),
  );
  const threadBytes = debug.readUInt16LE(debuggerData.SizeEThread);
  const processBytes = debug.readUInt16LE(debuggerData.SizeEProcess);
  return [
    ...blocks,
    data,
    block(file, thread, u32(triage.threadOffset), threadBytes, "the thread"),
    block(file, process, u32(triage.processOffset), processBytes, "the process"),
  ];
}

function pointerAt(file: ImageFile, position: number): number {
  return vaFromBigInt(file.slice(position, 8, "a pointer in the triage dump").readBigInt64LE(0));
}

function block(file: ImageFile, va: number, position: number, bytes: number, what: string): MemoryBlock {
  const isCanonical = va >= -(2 ** 47) && va + bytes <= (va < 0 ? 0 : 2 ** 47);
  if (bytes > 0 && (!isCanonical || bytes > mostBlockBytes))
    throw invalidImage(file.path, `${what} of ${bytes} bytes lies where no memory can be`);
  return { va, bytes: file.slice(bytes === 0 ? 0 : position, bytes, what) };
}
