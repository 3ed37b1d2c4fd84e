import { apcState, processState } from "./constants.js";
import type { Cpu, Kernel } from "./kernel.js";

/** Members of a KTHREAD that the dispatcher asks for all the time. */

export function stateOf(kernel: Kernel, thread: number): number {
  return kernel.memory.u8(thread, kernel.layout.thread.State);
}

export function setState(kernel: Kernel, thread: number, state: number): void {
  kernel.memory.w8(thread, kernel.layout.thread.State, state);
}

export function priorityOf(kernel: Kernel, thread: number): number {
  return kernel.memory.s8(thread, kernel.layout.thread.Priority);
}

/** The processors that it may run on, as a mask. */
export function affinityOf(kernel: Kernel, thread: number): number {
  return kernel.memory.u32(thread, kernel.layout.thread.Affinity);
}

/** The process that it belongs to. */
export function processOf(kernel: Kernel, thread: number): number {
  return kernel.memory.s64(thread, kernel.layout.thread.Process);
}

/** ApcState.Process: whose address space it runs in. */
export function attachedTo(kernel: Kernel, thread: number): number {
  return kernel.memory.s64(thread, kernel.layout.thread.ApcState + apcState.Process);
}

export function isInMemory(kernel: Kernel, process: number): boolean {
  return processStateOf(kernel, process) === processState.ProcessInMemory;
}

/** KPROCESS_STATE, in the low three bits of what is a count besides in all builds but Vista. */
export function processStateOf(kernel: Kernel, process: number): number {
  return kernel.memory.u8(process, kernel.layout.process.State) & 7;
}

export function setProcessState(kernel: Kernel, process: number, state: number): void {
  const { State } = kernel.layout.process;
  kernel.memory.w8(process, State, (kernel.memory.u8(process, State) & ~7) | state);
}

/** Is it on its process's ready list? */
export function isOnProcessReadyList(kernel: Kernel, thread: number): boolean {
  const { MiscFlags, ProcessReadyQueue } = kernel.layout.thread;
  return (kernel.memory.u32(thread, MiscFlags) & ProcessReadyQueue) !== 0;
}

export function setProcessReadyQueue(kernel: Kernel, thread: number, on: boolean): void {
  const { MiscFlags, ProcessReadyQueue } = kernel.layout.thread;
  const flags = kernel.memory.u32(thread, MiscFlags);
  kernel.memory.w32(thread, MiscFlags, on ? flags | ProcessReadyQueue : flags & ~ProcessReadyQueue);
}

export function cidOf(kernel: Kernel, thread: number): number {
  return kernel.memory.s64(thread, kernel.layout.ethread.Cid + 8);
}

/** KSHARED_READY_QUEUE.RunningSummary: the priority of what each processor runs, where builds have it. */
export function noteRunning(kernel: Kernel, cpu: Cpu): void {
  const shared = kernel.layout.sharedReadyQueue;
  if (shared === undefined) return;
  const { memory, layout } = kernel;
  const queue = memory.s64(cpu.prcb, layout.prcb.SharedReadyQueue);
  const current = memory.s64(cpu.prcb, layout.prcb.CurrentThread);
  const index = cpu.id - memory.u8(queue, shared.LowProcIndex);
  memory.w8(queue, shared.RunningSummary + index, priorityOf(kernel, current));
}
