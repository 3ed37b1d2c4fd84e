import { pageBytes } from "../../../core/memory/address.js";
import { apcState, dispatcherHeader, objectType } from "./constants.js";
import { insertDeferredReadyList } from "./ready-thread.js";
import type { Cpu, Execution, Kernel } from "./kernel.js";
import { fileTime } from "./kernel-variables.js";
import { kernelText } from "./image.js";
import { allocateObject, freeObject, isVista } from "./object.js";
import { pebAddress } from "./process.js";
import { initializeTrapFrame } from "./trap-frame.js";
import { initializeDispatcherHeader } from "./wait.js";
import type { WindowsProgram } from "./workload.js";

const stackBytes = 0x6000;
const waitBlocks = 4;
/** Flag of CrossThreadFlags. */
const systemThread = 0x10;
/** Control flags in byte 2 of a thread's header, as threads of Windows 10 have them (EnergyProfiling). */
const energyProfiling = 0x20;

/** What a thread is made with. */
export interface ThreadParameters {
  readonly process: number;
  readonly program: WindowsProgram;
  readonly priority: number;
  /** Processors, as a mask; all by default. */
  readonly affinity?: number;
  /** Of the first processor's idle thread, which lies in the image. */
  readonly at?: number;
  readonly idle?: boolean;
}

/** KeInitThread and PspCreateThread: an initialized thread in both lists of its process. Returns its address. */
export function createThread(kernel: Kernel, parameters: ThreadParameters): number {
  const { memory, layout, lists } = kernel;
  const { process, priority } = parameters;
  const { thread: tcb, ethread } = layout;
  const user = memory.s64(process, layout.eprocess.Peb) !== 0;
  const thread = parameters.at ?? allocateObject(kernel, "thread", ethread.size, false);
  initializeThread(kernel, thread, process);
  memory.w8(thread, tcb.Priority, priority);
  memory.w8(thread, tcb.BasePriority, priority);
  memory.w8(thread, tcb.QuantumReset, memory.u8(process, layout.process.QuantumReset));
  const all = 2 ** kernel.cpus.length - 1;
  const affinity = parameters.affinity ?? all;
  memory.w64(thread, tcb.Affinity, affinity);
  const number = kernel.nextCid / 4;
  const ideal = affinity === all ? number % kernel.cpus.length : 31 - Math.clz32(affinity);
  memory.w8(thread, tcb.IdealProcessor, ideal);
  memory.w16(thread, tcb.NextProcessor, ideal);
  createStack(kernel, thread);
  memory.w64(thread, tcb.Teb, user ? pebAddress - 2 * pageBytes : 0);
  memory.w8(thread, tcb.PreviousMode, user ? 1 : 0);
  if (user) initializeTrapFrame(kernel, thread);
  memory.w64(thread, ethread.Cid, memory.s64(process, layout.eprocess.UniqueProcessId));
  memory.w64(thread, ethread.Cid + 8, parameters.idle === true ? 0 : kernel.nextCid);
  if (parameters.idle !== true) kernel.nextCid += 4;
  memory.w64Big(thread, ethread.CreateTime, fileTime(kernel.nowNs));
  memory.w64(thread, ethread.StartAddress, user ? 0x77000000 : kernelText(layout));
  memory.w32(thread, ethread.CrossThreadFlags, user ? 0 : systemThread);
  lists.InsertTailList(process + layout.process.ThreadListHead, thread + tcb.ThreadListEntry);
  lists.InsertTailList(process + layout.eprocess.ThreadListHead, thread + ethread.ThreadListEntry);
  const { ActiveThreads } = layout.eprocess;
  memory.w32(process, ActiveThreads, memory.u32(process, ActiveThreads) + 1);
  countStack(kernel, process, 1);
  kernel.executions.set(thread, newExecution(parameters.program, user));
  return thread;
}

/** The new thread becomes ready at the next exit from the dispatcher on `cpu`. */
export function startThread(kernel: Kernel, cpu: Cpu, parameters: ThreadParameters): number {
  const thread = createThread(kernel, parameters);
  insertDeferredReadyList(kernel, cpu, thread);
  return thread;
}

/** PspThreadDelete. */
export function deleteThread(kernel: Kernel, thread: number, remnant = false): void {
  const { memory, lists, layout } = kernel;
  lists.RemoveEntryList(thread + layout.ethread.ThreadListEntry);
  kernel.freeStacks.push(memory.s64(thread, layout.thread.StackBase) - pageBytes);
  countStack(kernel, memory.s64(thread, layout.thread.Process), -1);
  kernel.executions.delete(thread);
  freeObject(kernel, thread, remnant);
}

function newExecution(program: WindowsProgram, user: boolean): Execution {
  return {
    program,
    place: user ? "user" : "system",
    remainingNs: 0,
    dueNs: 0,
    object: 0,
    attached: false,
    suspended: undefined,
    waitAgain: false,
    handles: [],
  };
}

/** Dispatcher headers, lists and wait blocks. */
function initializeThread(kernel: Kernel, thread: number, process: number): void {
  const { memory, layout, lists } = kernel;
  const { thread: tcb } = layout;
  initializeDispatcherHeader(kernel, thread, objectType.ThreadObject, isVista(kernel) ? tcb.size : 0);
  if (layout.version.build >= 10000) memory.w8(thread, dispatcherHeader.Size, energyProfiling);
  initializeDispatcherHeader(kernel, thread + tcb.Timer, objectType.TimerNotificationObject, 0);
  const type =
    isVista(kernel) || layout.version.build < 9200 ? "SemaphoreObject" : "EventSynchronizationObject";
  initializeDispatcherHeader(kernel, thread + tcb.SuspendObject, objectType[type], 0x18);
  for (let i = 0; i < waitBlocks; i++)
    memory.w64(thread + tcb.WaitBlock + i * layout.waitBlock.size, layout.waitBlock.Thread, thread);
  for (const state of [tcb.ApcState, tcb.SavedApcState]) {
    lists.InitializeListHead(thread + state);
    lists.InitializeListHead(thread + state + 16);
  }
  memory.w64(thread, tcb.ApcState + apcState.Process, process);
  memory.w64(thread, tcb.Process, process);
  const resident = memory.u32(thread, tcb.KernelStackResidentWord) | tcb.KernelStackResident;
  memory.w32(thread, tcb.KernelStackResidentWord, resident);
}

/** A kernel stack, of which only the topmost page is there. */
function createStack(kernel: Kernel, thread: number): void {
  const { memory, layout, pages, freeStacks } = kernel;
  const { thread: tcb } = layout;
  const base = (freeStacks.pop() ?? pages.map(1)) + pageBytes;
  memory.w64(thread, tcb.StackBase, base);
  memory.w64(thread, tcb.StackLimit, base - stackBytes);
  memory.w64(thread, tcb.InitialStack, base);
  memory.w64(thread, tcb.KernelStack, base - 0x580);
}

/** KPROCESS.StackCount: a count in Vista, later one above the three bits of the process's state. */
function countStack(kernel: Kernel, process: number, change: number): void {
  const { memory, layout } = kernel;
  const { StackCount, State } = layout.process;
  const unit = StackCount === State ? 8 : 1;
  memory.w32(process, StackCount, memory.u32(process, StackCount) + change * unit);
}
