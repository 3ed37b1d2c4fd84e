import type { Program } from "./workload.js";

/** Where a thread goes on when it gets the CPU: what a real one has on its stack. */
export type Place = "user" | "system" | "nanosleep" | "io" | "trap" | "dead";

/** What threads of one process share. */
export interface Process {
  readonly signal: number;
  readonly sighand: number;
  /** 0 for kernel threads. */
  readonly mm: number;
  /** Address of the page at the end of its stack, with its arguments; 0 for kernel threads. */
  readonly argumentsPage: number;
  /** PFN of the page-table root; that of the kernel for kernel threads. */
  readonly root: number;
  readonly threads: Thread[];
  readonly children: Thread[];
  readonly parent: Thread | undefined;
}

/**
 * What the simulation keeps of a thread beside its `task_struct`: its program (user space) and its place in it. What
 * the scheduler decides by is in guest RAM alone.
 */
export interface Thread {
  /** Address of its `struct task_struct`. */
  readonly va: number;
  readonly pid: number;
  readonly comm: string;
  readonly process: Process;
  readonly leader: Thread;
  readonly kernel: boolean;
  /** Lowest address of its kernel stack, and the PFNs of its pages. */
  readonly stack: number;
  readonly stackPages: readonly number[];
  readonly program: Program;
  place: Place;
  /** What is left of the current step. */
  remainingNs: number;
  /** Guest time at which its sleep ends; infinite while it waits for something else. */
  expiresNs: number;
  /** A signal interrupted its sleep: restart_syscall goes on with it. */
  restart: boolean;
  /** __state while it sleeps. */
  readonly sleepState: number;
}

/** A process or thread as /proc shows it, kept apart from the structures in guest RAM. */
export interface ProcEntry {
  readonly pid: number;
  readonly tgid: number;
  readonly comm: string;
  readonly kernel: boolean;
  readonly address: number;
  readonly zombie: boolean;
}

/** What /proc/PID/stat and /proc/PID/sched say: the guest's own accounting, from its RAM. */
export interface ProcStat {
  readonly comm: string;
  /** The kernel's letter: R, S, D, I or Z. */
  readonly state: string;
  /** Ticks of USER_HZ (10 ms), scaled to the run time as the kernel does. */
  readonly utimeTicks: number;
  readonly stimeTicks: number;
  readonly sumExecRuntimeNs: number;
  /** -20 to 19. */
  readonly nice: number;
}
