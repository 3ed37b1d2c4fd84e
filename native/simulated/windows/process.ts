import { pageBytes } from "../../../core/memory/address.js";
import { dispatcherHeader, objectHeader, objectType } from "./constants.js";
import type { Kernel } from "./kernel.js";
import { fileTime, sharedData } from "./kernel-variables.js";
import { allocateObject, freeObject, isVista } from "./object.js";
import { attachedTo } from "./thread.js";
import { initializeDispatcherHeader } from "./wait.js";

/** The low user page through which user mode reads KUSER_SHARED_DATA. */
const userSharedData = 0x7ffe0000;
export const pebAddress = 0x7fffffdf000;
const userText = 0x7ff600001000;
const tableEntries = 512;

/** What a process is made with. */
export interface ProcessParameters {
  readonly name: string;
  readonly basePriority: number;
  /** EPROCESS of its creator; 0 for the first. */
  readonly parent: number;
  /** Of System and Idle: at a given address if not 0, and without user space of its own. */
  readonly kernelOnly?: { readonly at: number; readonly cid: number };
}

/** PriorityClass of base priorities 4, 6, 8, 10, 13 and 24, as PROCESS_PRIORITY_CLASS names them. */
const priorityClasses: Readonly<Record<number, number>> = { 4: 1, 6: 5, 8: 2, 10: 6, 13: 3, 24: 4 };

/** PspCreateProcess: EPROCESS, address space, token, handle table. Returns the address. It is listed, unless it is Idle. */
export function createProcess(kernel: Kernel, parameters: ProcessParameters): number {
  const { memory, layout, lists } = kernel;
  const { kernelOnly } = parameters;
  const { process: pcb, eprocess } = layout;
  const process =
    kernelOnly === undefined || kernelOnly.at === 0
      ? allocateObject(kernel, "process", eprocess.size, kernelOnly === undefined)
      : kernelOnly.at;
  const size = layout.version.build >= 19041 ? 0 : pcb.size;
  initializeDispatcherHeader(kernel, process, objectType.ProcessObject, size);
  lists.InitializeListHead(process + pcb.ThreadListHead);
  lists.InitializeListHead(process + pcb.ReadyListHead);
  lists.InitializeListHead(process + eprocess.ThreadListHead);
  memory.w8(process, pcb.BasePriority, parameters.basePriority);
  memory.w8(process, pcb.QuantumReset, 6);
  writeAffinity(kernel, process);
  const root = kernelOnly === undefined ? createAddressSpace(kernel, process) : memory.root;
  memory.w64(process, pcb.DirectoryTableBase, memory.ram.frame(root) * pageBytes);
  const cid = kernelOnly?.cid ?? kernel.nextCid;
  if (kernelOnly === undefined) kernel.nextCid += 4;
  memory.w64(process, eprocess.UniqueProcessId, cid);
  memory.w64Big(process, eprocess.CreateTime, fileTime(kernel.nowNs));
  memory.write(process, eprocess.ImageFileName, Buffer.from(parameters.name, "latin1").subarray(0, 14));
  memory.w8(process, eprocess.PriorityClass, priorityClasses[parameters.basePriority] ?? 2);
  if (cid === 0) return process;
  const parentId = parameters.parent === 0 ? 0 : memory.s64(parameters.parent, eprocess.UniqueProcessId);
  memory.w64(process, eprocess.InheritedFromUniqueProcessId, parentId);
  // The low bits of the pointer count cached references (EX_FAST_REF).
  memory.w64(process, eprocess.Token, kernel.pool.allocate(0x180, "Toke") + 0xf);
  memory.w64(process, eprocess.ObjectTable, kernel.pool.allocate(0x70, "Obtb"));
  if (kernelOnly === undefined) {
    memory.w64(process, eprocess.Peb, pebAddress);
    memory.w64(process, vadRoot(kernel), kernel.pool.allocate(0x40, "VadS"));
  }
  lists.InsertTailList(kernel.symbol("PsActiveProcessHead"), process + eprocess.ActiveProcessLinks);
  return process;
}

/** PspProcessDelete, when the last handle is closed after the exit. `remnant`: what stood there stays in RAM for good. */
export function deleteProcess(kernel: Kernel, process: number, remnant = false): void {
  const { lists, layout } = kernel;
  const links = process + layout.eprocess.ActiveProcessLinks;
  // One that hid itself is linked to itself.
  lists.RemoveEntryList(links);
  kernel.pool.free(tokenOf(kernel, process));
  const space = kernel.spaces.get(process);
  if (space !== undefined) {
    for (const pfn of space.userPages) kernel.allocator.freePage(pfn);
    kernel.tables.free(space.root);
    kernel.spaces.delete(process);
  }
  freeObject(kernel, process, remnant);
}

function tokenOf(kernel: Kernel, process: number): number {
  const reference = kernel.memory.s64(process, kernel.layout.eprocess.Token);
  return reference - (reference & 0xf);
}

/** What its exit frees at once. */
export function rundownProcess(kernel: Kernel, process: number): void {
  const { memory, layout } = kernel;
  const { ObjectTable } = layout.eprocess;
  kernel.pool.free(memory.s64(process, ObjectTable));
  memory.w64(process, ObjectTable, 0);
  kernel.pool.free(memory.s64(process, vadRoot(kernel)));
  memory.w64(process, vadRoot(kernel), 0);
  memory.w64Big(process, layout.eprocess.ExitTime, fileTime(kernel.nowNs));
}

/** Closes a handle of an exited or running process. */
export function closeHandle(kernel: Kernel, process: number): void {
  const { memory } = kernel;
  const header = process - objectHeader.Body;
  memory.w64(header, objectHeader.HandleCount, memory.s64(header, objectHeader.HandleCount) - 1);
  dereference(kernel, process);
}

/** A process that has exited and has no handles is deleted soon. */
export function dereference(kernel: Kernel, process: number): void {
  const { memory } = kernel;
  const exited = memory.u32(process, dispatcherHeader.SignalState) !== 0;
  if (exited && memory.s64(process - objectHeader.Body, objectHeader.HandleCount) <= 0)
    kernel.dead.push({ body: process, kind: "process" });
}

/** Is some thread in its address space? */
export function isInUse(kernel: Kernel, process: number): boolean {
  for (const thread of kernel.executions.keys()) if (attachedTo(kernel, thread) === process) return true;
  return kernel.cpus.some((cpu) => cpu.root === kernel.spaces.get(process)?.root);
}

/** The pointer in MM_AVL_TABLE (to Windows 7) or RTL_AVL_TREE that leads to the first descriptor. */
function vadRoot(kernel: Kernel): number {
  return kernel.layout.eprocess.VadRoot + (kernel.layout.version.build < 9200 ? 0x10 : 0);
}

/** KPROCESS.Affinity: a mask in Vista, a KAFFINITY_EX later. */
function writeAffinity(kernel: Kernel, process: number): void {
  const { memory, layout } = kernel;
  const mask = 2 ** kernel.cpus.length - 1;
  const { Affinity } = layout.process;
  if (isVista(kernel)) {
    memory.w64(process, Affinity, mask);
    return;
  }
  memory.w16(process, Affinity, 1);
  memory.w16(process, Affinity + 2, layout.version.build >= 10000 ? 20 : 4);
  memory.w64(process, Affinity + 8, mask);
}

/** MmCreateProcessAddressSpace: the kernel's half is shared, but for the entry by which the tables map themselves. */
function createAddressSpace(kernel: Kernel, process: number): number {
  const { tables, allocator, memory } = kernel;
  const root = tables.newRoot();
  tables.copyKernelHalf(memory.root, root);
  const self = selfMapIndex(kernel);
  if (self >= 0) mapItself(kernel, root, self);
  const userPages = [allocator.zeroedPage(), allocator.zeroedPage()];
  tables.map(root, pebAddress, userPages[0] ?? 0, { user: true });
  tables.map(root, userText, userPages[1] ?? 0, { user: true });
  tables.map(root, userSharedData, memory.pa(sharedData, 0) / pageBytes, { user: true });
  kernel.spaces.set(process, { root, userPages });
  return root;
}

/** Enters a root into itself, so that the tables are mapped. */
export function mapItself(kernel: Pick<Kernel, "memory">, root: number, index: number): void {
  const { ram } = kernel.memory;
  const frame = ram.frame(root);
  const at = (root * pageBytes) / 4 + 2 * index;
  ram.words[at] = ((frame << 12) | 0x63) >>> 0;
  ram.words[at + 1] = ((frame >>> 20) | 0x80000000) >>> 0;
}

/** The entry of the System process's root that leads to the root itself, or -1. */
function selfMapIndex(kernel: Kernel): number {
  const { ram, root } = kernel.memory;
  const frame = ram.frame(root);
  for (let index = tableEntries / 2; index < tableEntries; index++) {
    const at = (root * pageBytes) / 4 + 2 * index;
    const low = ram.words[at] ?? 0;
    const high = ram.words[at + 1] ?? 0;
    if ((low & 1) !== 0 && (high & 0xfffff) * 2 ** 20 + (low >>> 12) === frame) return index;
  }
  return -1;
}
