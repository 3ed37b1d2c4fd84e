import {
  isKernelObject,
  pageBytes,
  presentPages,
  vaFromBigInt,
  vaOffset,
  type AddressSpace,
  type GuestVa,
} from "vmmsched/plugin-api";
import type { WindowsLayout } from "../layout.js";
import { attempt } from "./attempt.js";
import type { KernelPe } from "./kernel-pe.js";
import type { Pace } from "./pace.js";

/** KDDEBUGGER_DATA64 (wdbgexts.h of the debugging tools): where its pointers are. */
const pointers = {
  KernBase: 0x18,
  PsLoadedModuleList: 0x48,
  PsActiveProcessHead: 0x50,
  PspCidTable: 0x58,
  KiProcessorBlock: 0x218,
} as const;
/** Sizes of structures and places of members, 16 bits each. */
const numbers = {
  OffsetKThreadNextProcessor: 0x298,
  OffsetKThreadTeb: 0x29a,
  OffsetKThreadKernelStack: 0x29c,
  OffsetKThreadApcProcess: 0x2a0,
  OffsetKThreadState: 0x2a2,
  SizeEProcess: 0x2a8,
  OffsetEprocessPeb: 0x2aa,
  OffsetEprocessParentCID: 0x2ac,
  OffsetEprocessDirectoryTableBase: 0x2ae,
  SizePrcb: 0x2b0,
  OffsetPrcbCurrentThread: 0x2b4,
  OffsetPrcbNumber: 0x2be,
  SizeEThread: 0x2c0,
  OffsetPcrSelfPcr: 0x2e2,
  OffsetPcrCurrentPrcb: 0x2e4,
  OffsetPcrContainedPrcb: 0x2e6,
} as const;
export type DebuggerPointer = keyof typeof pointers;
export type DebuggerNumber = keyof typeof numbers;

const tagAt = 0x10;
const sizeAt = 0x14;
const tag = Buffer.from("KDBG", "latin1");
/** Vista has 0x328 or 0x330, 7 0x340, 8 0x360, 10 and 11 0x368 and 0x380. */
const sizes = { least: 0x328, most: 0x400 } as const;
const pagesAtOnce = 256;
/** Images have its tag in the code that looks for it, and not much more often. */
const mostTags = 1024;

/** What Windows tells debuggers of itself. */
export class DebuggerData {
  constructor(
    readonly address: GuestVa,
    private readonly bytes: Buffer,
  ) {}

  pointer(name: DebuggerPointer): GuestVa {
    return vaFromBigInt(this.bytes.readBigInt64LE(pointers[name]));
  }

  number(name: DebuggerNumber): number {
    return this.bytes.readUInt16LE(numbers[name]);
  }
}

/** The block at an address, where it is not encoded. */
export function readDebuggerData(space: AddressSpace, address: GuestVa): DebuggerData | undefined {
  return attempt(() => {
    const size = space.u32(address, sizeAt);
    if (size < sizes.least || size > sizes.most) return undefined;
    const bytes = Buffer.alloc(size);
    space.read(address, 0, bytes);
    return checked(address, bytes);
  });
}

/** The block of a kernel whose layout is certain: from Windows 8 on it is encoded while no debugger is attached. */
export function debuggerDataOf(
  space: AddressSpace,
  base: GuestVa,
  { symbols }: WindowsLayout,
): DebuggerData | undefined {
  const { KdDebuggerDataBlock: block, KiWaitNever, KiWaitAlways, KdpDataBlockEncoded } = symbols;
  if (block === undefined) return undefined;
  const address = vaOffset(base, block);
  const plain = readDebuggerData(space, address);
  if (plain !== undefined || KiWaitNever === undefined || KiWaitAlways === undefined) return plain;
  if (KdpDataBlockEncoded === undefined) return undefined;
  const key = {
    never: qword(space, vaOffset(base, KiWaitNever)),
    always: qword(space, vaOffset(base, KiWaitAlways)),
    address: BigInt.asUintN(64, BigInt(base + KdpDataBlockEncoded)) | 0xffff_0000_0000_0000n,
  };
  return attempt(() => decode(space, address, key));
}

/** Looks for the block in all of the kernel's image; encoded, it cannot be told from anything else. */
export async function findDebuggerData(
  space: AddressSpace,
  { base, imageBytes }: KernelPe,
  pace: Pace,
): Promise<DebuggerData | undefined> {
  const bytes = Buffer.alloc(pagesAtOnce * pageBytes);
  let tags = 0;
  for (let from: number = base; from < base + imageBytes; from += bytes.length) {
    const to = Math.min(from + bytes.length, base + imageBytes);
    const pages = [...presentPages(space.memory, space.paging, space.root, from, to)];
    const read = bytes.subarray(0, pages.length * pageBytes);
    space.memory.readFrames(
      pages.map(({ frame }) => frame),
      read,
    );
    for (let at = read.indexOf(tag); at >= 0 && tags < mostTags; at = read.indexOf(tag, at + 1)) {
      tags++;
      const page = pages[Math.floor(at / pageBytes)];
      const va = page === undefined ? 0 : page.va + (at % pageBytes) - tagAt;
      const found = isKernelObject(va) ? readDebuggerData(space, va) : undefined;
      if (found?.pointer("KernBase") === base) return found;
      await pace.step(8);
    }
    await pace.step(pagesAtOnce);
  }
  return undefined;
}

interface Key {
  readonly never: bigint;
  readonly always: bigint;
  /** Of KdpDataBlockEncoded, with the upper bits set. */
  readonly address: bigint;
}

/** Each 64-bit word for itself; Volatility's win8_kdbg.py describes it. */
export function decodeWord(word: bigint, { never, always, address }: Key): bigint {
  const turns = never & 63n;
  const mixed = BigInt.asUintN(64, word ^ never);
  const rolled = BigInt.asUintN(64, (mixed << turns) | (mixed >> ((64n - turns) & 63n)));
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(rolled ^ address);
  return bytes.readBigUInt64BE() ^ always;
}

function decode(space: AddressSpace, address: GuestVa, key: Key): DebuggerData | undefined {
  const encoded = Buffer.alloc(sizes.most);
  space.read(address, 0, encoded);
  const bytes = Buffer.alloc(sizes.most);
  for (let at = 0; at < bytes.length; at += 8)
    bytes.writeBigUInt64LE(decodeWord(encoded.readBigUInt64LE(at), key), at);
  const size = bytes.readUInt32LE(sizeAt);
  return size >= sizes.least && size <= sizes.most ? checked(address, bytes.subarray(0, size)) : undefined;
}

function checked(address: GuestVa, bytes: Buffer): DebuggerData | undefined {
  return bytes.subarray(tagAt, sizeAt).equals(tag) ? new DebuggerData(address, bytes) : undefined;
}

function qword(space: AddressSpace, va: GuestVa): bigint {
  const bytes = Buffer.alloc(8);
  return attempt(() => (space.read(va, 0, bytes), bytes.readBigUInt64LE())) ?? 0n;
}
