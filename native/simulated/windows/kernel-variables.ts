import { pageBytes, vaFromBigInt } from "../../../core/memory/address.js";
import { apcState, cyclesPerQuantumUnit, KUSER_SHARED_DATA } from "./constants.js";
import { imageBase } from "./image.js";
import type { Kernel } from "./kernel.js";

/** 1 June 2010 as a FILETIME: hundreds of nanoseconds since 1601. Doubles do not hold it. */
const bootFileTime = 129_198_240_000_000_000n;
const userProbeAddress = 0x7fffffff0000;
export const sharedData = vaFromBigInt(KUSER_SHARED_DATA);
const kdbgTag = Buffer.from("KDBG");

/** Guest time as a FILETIME. */
export function fileTime(nowNs: number): bigint {
  return bootFileTime + BigInt(Math.floor(nowNs / 100));
}

/** Global variables of the image that do not change, KUSER_SHARED_DATA and the debugger's data block. */
export function writeKernelVariables(kernel: Kernel, cpuCount: number, hostName: string): void {
  const { memory, layout, lists } = kernel;
  const { version } = layout;
  lists.InitializeListHead(kernel.symbol("PsActiveProcessHead"));
  lists.InitializeListHead(kernel.symbol("PsLoadedModuleList"));
  memory.w8(kernel.symbol("KeNumberProcessors"), 0, cpuCount);
  memory.w64(kernel.symbol("KeActiveProcessors"), 0, version.build < 7000 ? 2 ** cpuCount - 1 : 0x40001);
  if (version.build >= 7000) memory.w64(kernel.symbol("KeActiveProcessors"), 8, 2 ** cpuCount - 1);
  memory.w32(kernel.symbol("KiCyclesPerClockQuantum"), 0, cyclesPerQuantumUnit);
  memory.w32(kernel.symbol("NtBuildNumber"), 0, 0xf0000000 + version.build);
  memory.write(kernel.symbol("NtBuildLab"), 0, Buffer.from(`${version.lab}\0`));
  memory.w64(kernel.symbol("PspCidTable"), 0, kernel.pool.allocate(0x80, "Obtb"));
  if (version.build >= 10000) memory.w8(kernel.symbol("ObHeaderCookie"), 0, 1 + kernel.random.below(255));
  writeSharedData(kernel, cpuCount, hostName);
  writeVersionBlock(kernel);
  writeDebuggerData(kernel);
}

function writeSharedData(kernel: Kernel, cpuCount: number, hostName: string): void {
  const { memory, layout } = kernel;
  const { version } = layout;
  memory.w32(sharedData, 4, 0x0fa00000);
  memory.w16(sharedData, 0x2c, 0x8664);
  memory.w16(sharedData, 0x2e, 0x8664);
  memory.write(sharedData, 0x30, Buffer.from("C:\\Windows\0", "utf16le"));
  if (version.build >= 10000) memory.w32(sharedData, 0x260, version.build);
  memory.w32(sharedData, 0x264, 1);
  memory.w32(sharedData, 0x26c, version.major);
  memory.w32(sharedData, 0x270, version.minor);
  memory.w32(sharedData, 0x2e8, memory.ram.pages);
  if (version.build >= 7000) memory.w32(sharedData, 0x3c0, cpuCount);
  kernel.console.print(`${hostName}: Windows ${version.major}.${version.minor}, build ${version.lab}`);
}

/** DBGKD_GET_VERSION64. */
function writeVersionBlock(kernel: Kernel): void {
  const { memory, layout } = kernel;
  const block = kernel.symbol("KdVersionBlock");
  memory.w16(block, 0, 0xf);
  memory.w16(block, 2, layout.version.build);
  memory.w8(block, 4, 6);
  memory.w16(block, 6, 0x47);
  memory.w16(block, 8, 0x8664);
  memory.w64(block, 0x10, imageBase(layout));
  memory.w64(block, 0x18, kernel.symbol("PsLoadedModuleList"));
  memory.w64(block, 0x20, kernel.symbol("KdDebuggerDataBlock"));
}

/** KDDEBUGGER_DATA64: plain up to Windows 7, encoded in later builds. */
function writeDebuggerData(kernel: Kernel): void {
  const { memory, layout } = kernel;
  const data = Buffer.alloc(layout.kdbgBytes);
  const pointer = (offset: number, va: number): void => {
    data.writeBigInt64LE(BigInt(va), offset);
  };
  // The debugger's list has this one member; its links show where the kernel is even before the tag.
  pointer(0, kernel.symbol("KdVersionBlock"));
  pointer(8, kernel.symbol("KdVersionBlock"));
  kdbgTag.copy(data, 0x10);
  data.writeUInt32LE(layout.kdbgBytes, 0x14);
  pointer(0x18, imageBase(layout));
  pointer(0x48, kernel.symbol("PsLoadedModuleList"));
  pointer(0x50, kernel.symbol("PsActiveProcessHead"));
  pointer(0x58, kernel.symbol("PspCidTable"));
  data.writeUInt32LE(156_250, 0x78);
  pointer(0xc0, kernel.symbol("MmPfnDatabase"));
  pointer(0xf8, memory.ram.pages);
  pointer(0x110, kernel.pages.base);
  data.writeUInt32LE(pageBytes, 0x138);
  pointer(0x1d8, userProbeAddress);
  pointer(0x208, kernel.symbol("NtBuildLab"));
  pointer(0x218, kernel.symbol("KiProcessorBlock"));
  const { thread, ethread, process, eprocess, prcb, pcr } = layout;
  const members: readonly (readonly [offset: number, value: number])[] = [
    [0x298, thread.NextProcessor],
    [0x29a, thread.Teb],
    [0x29c, thread.KernelStack],
    [0x29e, thread.InitialStack],
    [0x2a0, thread.ApcState + apcState.Process],
    [0x2a2, thread.State],
    [0x2a8, eprocess.size],
    [0x2aa, eprocess.Peb],
    [0x2ac, eprocess.InheritedFromUniqueProcessId],
    [0x2ae, process.DirectoryTableBase],
    [0x2b0, prcb.size],
    [0x2b4, prcb.CurrentThread],
    [0x2b6, prcb.MHz],
    [0x2be, prcb.Number],
    [0x2c0, ethread.size],
    [0x2e0, pcr.size],
    [0x2e2, pcr.Self],
    [0x2e4, pcr.CurrentPrcb],
    [0x2e6, pcr.Prcb],
    [0x2f4, 0x10],
    [0x2fa, 0x33],
  ];
  for (const [offset, value] of members) data.writeUInt16LE(value, offset);
  if (layout.version.build >= 9200) encode(kernel, data);
  memory.write(kernel.symbol("KdDebuggerDataBlock"), 0, data);
}

/** Hides the block as kernels from Windows 8 on do while no debugger is attached: each word by two random ones. */
function encode(kernel: Kernel, data: Buffer): void {
  const { memory, random } = kernel;
  const word = (): bigint => (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32));
  const never = word();
  const always = word();
  memory.w64Big(kernel.symbol("KiWaitNever"), 0, never);
  memory.w64Big(kernel.symbol("KiWaitAlways"), 0, always);
  memory.w8(kernel.symbol("KdpDataBlockEncoded"), 0, 1);
  const address = BigInt.asUintN(64, BigInt(kernel.symbol("KdpDataBlockEncoded")));
  for (let offset = 0; offset < data.length; offset += 8) {
    data.writeBigUInt64BE(data.readBigUInt64LE(offset) ^ always, offset);
    const mixed = data.readBigUInt64LE(offset) ^ address;
    data.writeBigUInt64LE(rotateRight(mixed, never & 0x3fn) ^ never, offset);
  }
}

function rotateRight(value: bigint, bits: bigint): bigint {
  return BigInt.asUintN(64, (value >> bits) | (value << (64n - bits)));
}
