import type { WindowsLayout, WindowsSymbol } from "../layouts/windows.js";
import type { GuestConsole } from "../linux/console.js";
import type { PageAllocator } from "../linux/page-allocator.js";
import type { PageTables } from "../linux/page-tables.js";
import type { Random } from "../linux/random.js";
import { BugCheck } from "./bug-check.js";
import { dispatcherHeader, objectType } from "./constants.js";
import type { KernelMemory } from "./kernel-memory.js";
import type { Lists } from "./lists.js";
import type { Pool } from "./pool.js";
import type { SystemPages } from "./system-pages.js";
import type { Channel, WindowsProgram } from "./workload.js";

/**
 * Kernel code as the small steps that it takes on a processor: between two of them time may stop, with locks held and
 * things half done. `"spin"` tells that a lock was found held.
 */
export type Steps<Result = void> = Generator<"step" | "spin", Result, undefined>;

/** What of a thread is not in RAM: its program, and how far it got. */
export interface Execution {
  readonly program: WindowsProgram;
  /** Where it goes on when it runs. */
  place: "user" | "system" | "delay" | "wait" | "dead";
  /** What is left of a run in user mode or in a system call. */
  remainingNs: number;
  /** Guest time until which it sleeps. */
  dueNs: number;
  /** The object that it waits for. */
  object: number;
  /** It stays in another process's address space until its system call ends. */
  attached: boolean;
  /** A thread that it suspended and has to resume. */
  suspended: { readonly thread: number; readonly execution: Execution } | undefined;
  /** A suspension came in the middle of its wait, which it takes up again. */
  waitAgain: boolean;
  /** Exited processes that it has handles of. */
  readonly handles: number[];
}

/** What the simulation keeps of a processor beside its KPCR in guest RAM. */
export interface Cpu {
  readonly id: number;
  readonly pcr: number;
  readonly prcb: number;
  /** Its idle thread. */
  idle: number;
  /** Guest time up to which it has run. */
  nowNs: number;
  nextTickNs: number;
  /** CR8. */
  irql: number;
  /** PFN of the page-table root in CR3. */
  root: number;
  /** A software interrupt at DISPATCH_LEVEL is pending. */
  dispatchRequested: boolean;
  /** Kernel code under way. */
  operation: Steps | undefined;
  /** Since when it has found a lock held; -1 when it does not spin. */
  spinSinceNs: number;
}

/** One running kernel: its memory and what its parts share. */
export interface Kernel {
  readonly layout: WindowsLayout;
  readonly memory: KernelMemory;
  readonly lists: Lists;
  readonly console: GuestConsole;
  readonly random: Random;
  readonly allocator: PageAllocator;
  readonly tables: PageTables;
  readonly pages: SystemPages;
  readonly pool: Pool;
  readonly cpus: Cpu[];
  /** Address of a symbol. */
  symbol(name: WindowsSymbol): number;
  /** Every thread by the address of its KTHREAD. */
  readonly executions: Map<number, Execution>;
  /** User pages and page-table root of each address space, by EPROCESS. */
  readonly spaces: Map<number, AddressSpaceRecord>;
  /** Work that somebody inside asked for: deferred procedure calls, and work items for a thread of System. */
  readonly requests: ((cpu: Cpu) => Steps)[];
  readonly workItems: ((cpu: Cpu) => Steps)[];
  /** Processes and threads whose last reference is gone, to be freed by the reaper. */
  readonly dead: { readonly body: number; readonly kind: "process" | "thread" }[];
  /** EPROCESS of System. */
  systemProcess: number;
  /** The event on which System's workers wait. */
  readonly work: Channel;
  /** Stacks of threads that are gone. */
  readonly freeStacks: number[];
  /** Guest time of the processor that runs at the moment. */
  nowNs: number;
  /** The next process or thread id. */
  nextCid: number;
  crashed: boolean;
}

export interface AddressSpaceRecord {
  readonly root: number;
  readonly userPages: number[];
}

/** The thread at `va` as the simulation knows it; what is no KTHREAD ends in a bug check. */
export function threadAt(kernel: Kernel, va: number): Execution {
  const execution = kernel.executions.get(va);
  const type = execution === undefined ? -1 : kernel.memory.u8(va, dispatcherHeader.Type) & 0x7f;
  if (execution === undefined || type !== objectType.ThreadObject)
    throw new BugCheck("IRQL_NOT_LESS_OR_EQUAL", "the dispatcher took something for a KTHREAD that is none");
  return execution;
}

/** KPRCB.CurrentThread. */
export function currentThread(kernel: Kernel, cpu: Cpu): number {
  return kernel.memory.s64(cpu.prcb, kernel.layout.prcb.CurrentThread);
}

export function processorOf(kernel: Kernel, number: number): Cpu {
  const cpu = kernel.cpus[number];
  if (cpu === undefined)
    throw new BugCheck("PAGE_FAULT_IN_NONPAGED_AREA", `KiProcessorBlock[${number}] is no processor`);
  return cpu;
}

/** KeTickCount.LowPart. */
export function tickCount(kernel: Kernel): number {
  return kernel.memory.u32(kernel.symbol("KeTickCount"), 0);
}
