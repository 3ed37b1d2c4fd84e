import type { Disk } from "../disk.js";
import type { GuestConsole } from "./console.js";
import type { KernelImage } from "./kernel-image.js";
import type { KernelMemory } from "./kernel-memory.js";
import type { Lists } from "./list.js";
import { Oops } from "./oops.js";
import { perCpu, rq } from "./offsets.js";
import type { PageAllocator } from "./page-allocator.js";
import type { PageTables } from "./page-tables.js";
import type { Random } from "./random.js";
import type { RbTree } from "./rbtree.js";
import type { Slab } from "./slab.js";
import type { Thread } from "./thread.js";
import type { Timers } from "./timers.js";
import type { CriticalSection } from "./critical-section.js";

/** A lock that a CPU spins on; when it is free, the CPU goes on. */
export interface Spin {
  readonly lock: number;
  readonly offset: number;
  readonly sinceNs: number;
  reported: boolean;
}

/** What the simulation keeps of a CPU beside its per-CPU area in guest RAM. */
export interface Cpu {
  readonly id: number;
  readonly apicId: number;
  /** Address of its per-CPU area, `struct rq` and that's cfs_rq. */
  readonly area: number;
  readonly rq: number;
  readonly cfs: number;
  readonly idle: Thread;
  /** Guest time up to which it has run. */
  nowNs: number;
  /** Next tick; infinite while the tick is stopped. */
  nextTickNs: number;
  readonly timers: Timers;
  /** Raised and not yet taken. */
  readonly vectors: Set<number>;
  upcall: boolean;
  /** PFN of the page-table root in CR3. */
  root: number;
  spin: Spin | undefined;
  /** Wake-ups that wait for the lock it spins on. */
  readonly deferredWakes: { readonly va: number; readonly mask: number }[];
  critical: CriticalSection | undefined;
  ticks: number;
}

/** One running kernel: its memory and what its parts share. */
export interface Kernel {
  readonly memory: KernelMemory;
  readonly image: KernelImage;
  readonly lists: Lists;
  readonly tree: RbTree;
  readonly console: GuestConsole;
  readonly random: Random;
  readonly allocator: PageAllocator;
  readonly tables: PageTables;
  readonly slabs: Readonly<Record<"task" | "signal" | "sighand" | "mm" | "page", Slab>>;
  /** A struct cred of the system's processes, and of all others. */
  readonly credentials: { readonly root: number; readonly user: number };
  /** css_sets of kernel threads, and of all processes. */
  readonly cgroups: { readonly root: number; readonly user: number };
  readonly vmallocBase: number;
  readonly freeStacks: number[];
  readonly disk: Disk | undefined;
  readonly cpus: Cpu[];
  readonly cpuCount: number;
  /** Every thread by the address of its task_struct. */
  readonly threads: Map<number, Thread>;
  /** Guest time of the vCPU that runs at the moment. */
  nowNs: number;
  nextPid: number;
  nextStack: number;
  initRoot: number;
  initTask: Thread | undefined;
  panicked: boolean;
}

/** The thread whose task_struct is at `va`, or an oops: the kernel ran into something that is no task. */
export function threadAt(kernel: Kernel, va: number): Thread {
  const thread = kernel.threads.get(va);
  if (thread === undefined)
    throw new Oops("general protection fault, probably for non-canonical address: not a task_struct");
  return thread;
}

/** rq->curr. */
export function current(kernel: Kernel, cpu: Cpu): Thread {
  return threadAt(kernel, kernel.memory.s64(cpu.rq, rq.curr));
}

export const callSingleQueue = perCpu("call_single_queue");
export const lazyList = perCpu("lazy_list");
export const tickCpuSched = perCpu("tick_cpu_sched");
export const currentTask = perCpu("current_task");
