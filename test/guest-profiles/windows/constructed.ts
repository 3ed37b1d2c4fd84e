import type { Domain, VcpuContext } from "../../../core/hypervisor.js";
import { pageBytes, type Frame, type GuestVa } from "../../../core/memory/address.js";
import { fourLevelPaging } from "../../../core/memory/paging.js";
import { importLayout } from "../../../guest-profiles/windows/import/import-layout.js";
import type { LayoutFile } from "../../../guest-profiles/windows/layout-file.js";
import { resolveLayout } from "../../../guest-profiles/windows/layout.js";
import { tinyKernelFile } from "./shipped.js";
import { Mapping, SparseRam } from "./sparse-ram.js";
import { loadedImage } from "./tiny-kernel/image-file.js";

/** Addresses like those of real kernels. */
export const base = -(2 ** 43) + 0x4_1220_0000;
const regions = -(2 ** 46) + 0x9_b000_0000;
const pool = -(2 ** 46) + 0x8_b000_0000;
const userSharedData = -0x880_0000_0000;
/** Where in the image the kernel's variables are; the image is made larger for them. */
const variables = 0x1_0000;
const imageBytes = 0x2_0000;
const selfEntry = 0x1ed;

export interface ConstructedOptions {
  /** Whose structures it has. */
  readonly layout: LayoutFile;
  readonly processors?: number;
  /** What it tells programs of itself. */
  readonly version?: readonly [major: number, minor: number, build: number];
  readonly debuggerData?: "plain" | "encoded" | "none";
  /** CR3 of the vCPUs has the table for user mode. */
  readonly shadow?: boolean;
  /** Nothing but RAM, and it can only be read. */
  readonly image?: boolean;
}

/** A machine with as much of Windows in it as identification asks for, and the layout that is right for it. */
export function constructWindows(options: ConstructedOptions) {
  const { layout: file, processors = 2, debuggerData = "plain", version = [10, 0, 19041] } = options;
  const ram = new SparseRam();
  const all = new Mapping(ram);
  ram.frame(all.root).writeBigUInt64LE((BigInt(all.root) << 12n) | 3n, 8 * selfEntry);
  const layout = resolveLayout(file);
  const { KPROCESS, EPROCESS, KTHREAD, ETHREAD, KPRCB } = layout;
  const symbols = {
    KdDebuggerDataBlock: variables,
    KiWaitNever: variables + 0x800,
    KiWaitAlways: variables + 0x808,
    KdpDataBlockEncoded: variables + 0x810,
    PsActiveProcessHead: variables + 0x820,
    PsInitialSystemProcess: variables + 0x830,
    KiProcessorBlock: variables + 0x1000,
    PsLoadedModuleList: variables + 0x840,
    PspCidTable: variables + 0x850,
  };

  const image = Buffer.alloc(imageBytes);
  loadedImage(tinyKernelFile("ntoskrnl.exe")).copy(image);
  image.writeUInt32LE(imageBytes, image.readUInt32LE(0x3c) + 24 + 56);
  all.write(base, image);
  all.u32(userSharedData + 0x260, version[0] >= 10 ? (0xf000_0000 | version[2]) >>> 0 : 0);
  all.u32(userSharedData + 0x26c, version[0]);
  all.u32(userSharedData + 0x270, version[1]);

  const system = pool + 0x180;
  const thread = pool + 0x2040;
  all.write(pool, Buffer.alloc(0x1_0000));
  all.u8(system, 3);
  all.u64(system + KPROCESS.DirectoryTableBase, BigInt(all.root) * 4096n + 2n);
  all.u8(system + KPROCESS.BasePriority, 8);
  all.u64(system + EPROCESS.UniqueProcessId, 4);
  all.write(system + EPROCESS.ImageFileName, Buffer.from("System"));
  all.u32(system + EPROCESS.ActiveThreads, 1);
  all.ring(base + symbols.PsActiveProcessHead, system + EPROCESS.ActiveProcessLinks);
  all.ring(system + KPROCESS.ThreadListHead, thread + KTHREAD.ThreadListEntry);
  all.ring(system + EPROCESS.ThreadListHead, thread + ETHREAD.ThreadListEntry);
  all.u64(base + symbols.PsInitialSystemProcess, system);
  makeThread(all, thread, system, layout.KTHREAD);

  const kpcrs = Array.from({ length: processors }, (_, i) => regions + i * 0x2_0000);
  for (const [i, kpcr] of kpcrs.entries()) {
    const prcb = kpcr + 0x180;
    all.write(kpcr, Buffer.alloc(0x1_0000));
    all.u64(kpcr + 0x18, kpcr);
    all.u64(kpcr + 0x20, prcb);
    all.u64(kpcr + 0x38, kpcr + 0x1_0000);
    const handler = BigInt.asUintN(64, BigInt(base + 0x3010));
    all.write(kpcr + 0x1_0000, Buffer.from(BigUint64Array.of(gate(handler), handler >> 32n).buffer));
    const idle = pool + 0x4000 + i * 0x1000;
    makeThread(all, idle, system, layout.KTHREAD);
    all.u16(prcb + KPRCB.Number, i);
    all.u64(prcb + KPRCB.CurrentThread, i === 0 ? thread : idle);
    all.u64(prcb + KPRCB.IdleThread, idle);
    all.u64(base + symbols.KiProcessorBlock + 8 * i, prcb);
    for (let list = 0; list < 32 && KPRCB.DispatcherReadyListHead !== undefined; list++)
      all.ring(prcb + KPRCB.DispatcherReadyListHead + 16 * list);
    if (KPRCB.KernelDirectoryTableBase !== undefined)
      all.u64(prcb + KPRCB.KernelDirectoryTableBase, BigInt(all.root) * 4096n + 2n);
  }
  if (debuggerData !== "none") writeDebuggerData(all, debuggerBytes(layout, symbols), symbols, debuggerData);

  const vcpus = kpcrs.map((gsBase, id) => ({
    id,
    root: options.shadow === true ? shadowRoot(all, gsBase, KPRCB.KernelDirectoryTableBase!) : all.root,
    paging: fourLevelPaging,
    userMode: options.shadow === true,
    rip: 0x401000,
    gsBase,
  }));
  const { pdb } = importLayout(tinyKernelFile("ntkrnlmp.pdb"));
  return {
    ram,
    all,
    system: system as GuestVa,
    thread,
    kpcrs,
    symbols,
    domain: domainOf(ram, options.image === true ? [] : vcpus, options.image === true, processors),
    /** Of exactly this kernel. */
    exact: { ...file, pdb: pdb!, symbols } satisfies LayoutFile,
  };
}

function makeThread(
  all: Mapping,
  thread: number,
  process: number,
  {
    Priority,
    State,
    "ApcState.Process": apcProcess,
    Process,
  }: Record<"Priority" | "State" | "ApcState.Process" | "Process", number>,
): void {
  all.u8(thread, 6);
  all.u8(thread + State, 2);
  all.u8(thread + Priority, 0);
  all.u64(thread + apcProcess, process);
  all.u64(thread + Process, process);
}

/** Low half of an interrupt gate: where the handler is, in three parts, of which the last follows. */
function gate(handler: bigint): bigint {
  return (handler & 0xffffn) | (0x10n << 16n) | (0x8e00n << 32n) | (((handler >> 16n) & 0xffffn) << 48n);
}

/** Maps, of all that the kernel has, the page that CR3 is loaded from on the way into it. */
function shadowRoot(all: Mapping, kpcr: number, directoryTableBase: number): Frame {
  const shadow = new Mapping(all.ram);
  const page = Math.floor((kpcr + 0x180 + directoryTableBase) / pageBytes) * pageBytes;
  shadow.map(page, all.map(page));
  return shadow.root;
}

function debuggerBytes(
  { KTHREAD, EPROCESS, ETHREAD, KPROCESS, KPRCB }: ReturnType<typeof resolveLayout>,
  symbols: Readonly<Record<string, number>>,
): Buffer {
  const bytes = Buffer.alloc(0x380);
  bytes.write("KDBG", 0x10, "latin1");
  bytes.writeUInt32LE(bytes.length, 0x14);
  const pointers: readonly (readonly [at: number, symbol: string])[] = [
    [0x48, "PsLoadedModuleList"],
    [0x50, "PsActiveProcessHead"],
    [0x58, "PspCidTable"],
    [0x218, "KiProcessorBlock"],
  ];
  bytes.writeBigInt64LE(BigInt(base), 0x18);
  for (const [at, symbol] of pointers) bytes.writeBigInt64LE(BigInt(base + symbols[symbol]!), at);
  const numbers: readonly (readonly [at: number, value: number])[] = [
    [0x298, KTHREAD.NextProcessor],
    [0x29a, KTHREAD.Teb],
    [0x29c, KTHREAD.KernelStack],
    [0x2a0, KTHREAD["ApcState.Process"]],
    [0x2a2, KTHREAD.State],
    [0x2a8, EPROCESS.size],
    [0x2aa, EPROCESS.Peb],
    [0x2ac, EPROCESS.InheritedFromUniqueProcessId],
    [0x2ae, KPROCESS.DirectoryTableBase],
    [0x2b0, KPRCB.size],
    [0x2b4, KPRCB.CurrentThread],
    [0x2be, KPRCB.Number],
    [0x2c0, ETHREAD.size],
    [0x2e2, 0x18],
    [0x2e4, 0x20],
    [0x2e6, 0x180],
  ];
  for (const [at, value] of numbers) bytes.writeUInt16LE(value, at);
  return bytes;
}

/** Encoded as Windows 8 and later do it, each 64-bit word for itself: the way back of what the profile does. */
function writeDebuggerData(
  all: Mapping,
  bytes: Buffer,
  symbols: {
    KdDebuggerDataBlock: number;
    KiWaitNever: number;
    KiWaitAlways: number;
    KdpDataBlockEncoded: number;
  },
  how: "plain" | "encoded",
): void {
  if (how === "encoded") {
    const never = 0x9b5c_71d2_0e43_a8f5n;
    const always = 0x1234_5678_9abc_def0n;
    const address = BigInt.asUintN(64, BigInt(base + symbols.KdpDataBlockEncoded)) | 0xffff_0000_0000_0000n;
    all.u64(base + symbols.KiWaitNever, never);
    all.u64(base + symbols.KiWaitAlways, always);
    all.u8(base + symbols.KdpDataBlockEncoded, 1);
    const turns = never & 63n;
    for (let at = 0; at < bytes.length; at += 8) {
      const swapped = Buffer.alloc(8);
      swapped.writeBigUInt64BE(bytes.readBigUInt64LE(at) ^ always);
      const rolled = swapped.readBigUInt64LE() ^ address;
      const back = BigInt.asUintN(64, (rolled >> turns) | (rolled << (64n - turns)));
      bytes.writeBigUInt64LE(back ^ never, at);
    }
  }
  all.write(base + symbols.KdDebuggerDataBlock, bytes);
}

function domainOf(ram: SparseRam, vcpus: readonly VcpuContext[], image: boolean, vcpuCount: number): Domain {
  return {
    info: {
      id: 1,
      uuid: "0a000000-0000-4000-8000-000000000001",
      name: "windows",
      kind: "hvm",
      vcpuCount,
      memoryBytes: 0,
      cpuTimeNs: 0,
      paused: false,
      ended: false,
    },
    memory: ram,
    ...(image ? { readOnly: "it is an image" } : {}),
    vcpus: () => vcpus,
    ram: () => ram.pieces(),
    pause: () => {
      throw new Error("identification pauses nothing");
    },
    share: () => undefined,
    setShare: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}
