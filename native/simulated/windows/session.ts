import { BreakOnTermination, objectHeader } from "./constants.js";
import { startThread } from "./create-thread.js";
import type { Kernel } from "./kernel.js";
import { createProcess } from "./process.js";
import { once } from "../linux/workload.js";
import { programsOf, type WindowsWorkload } from "./workload.js";

/** A process to start. */
export interface WindowsProcessSpec {
  readonly comm: string;
  readonly workload: WindowsWorkload;
  /** As in Linux, -20 to 19; chooses a priority class. */
  readonly nice?: number;
}

const msNs = 1e6;
/** The processes that every session has: name, base priority, number of threads, how often they have something to do. */
const services = [
  ["smss.exe", 11, 1, 4000],
  ["csrss.exe", 13, 3, 400],
  ["wininit.exe", 13, 1, 3000],
  ["services.exe", 9, 2, 700],
  ["lsass.exe", 9, 2, 1100],
  ["svchost.exe", 8, 4, 250],
] as const;
/** Those that have told Windows to stop when they end. */
const critical: ReadonlySet<string> = new Set(["smss.exe", "csrss.exe", "wininit.exe", "services.exe"]);

/** Base priority of a nice value's priority class: idle, below normal, normal, above normal, high. */
function basePriorityOf(nice: number): number {
  if (nice >= 10) return 4;
  if (nice > 0) return 6;
  if (nice === 0) return 8;
  return nice > -10 ? 10 : 13;
}

/** The system's own user processes, and an installer that has exited while somebody still has a handle of it. */
export function startSession(kernel: Kernel): void {
  for (const [name, basePriority, threads, periodMs] of services) {
    const programs = Array.from({ length: threads }, (_, i) =>
      programsOf({ kind: "sleepy", periodMs: periodMs + 130 * i, workUs: 200 }, name),
    );
    const process = startProcess(kernel, name, basePriority, programs.flat());
    if (critical.has(name)) kernel.memory.w32(process, kernel.layout.eprocess.Flags, BreakOnTermination);
  }
  startProcess(kernel, "setup.exe", 8, [once([{ kind: "run", ns: msNs }])], true);
}

/** Starts a user's process; returns its id. */
export function startUserProcess(kernel: Kernel, spec: WindowsProcessSpec): number {
  const programs = programsOf(spec.workload, spec.comm);
  const process = startProcess(kernel, spec.comm, basePriorityOf(spec.nice ?? 0), programs);
  return kernel.memory.s64(process, kernel.layout.eprocess.UniqueProcessId);
}

function startProcess(
  kernel: Kernel,
  name: string,
  basePriority: number,
  programs: ReturnType<typeof programsOf>,
  keepsHandle = false,
): number {
  const { memory } = kernel;
  const process = createProcess(kernel, { name, basePriority, parent: kernel.systemProcess });
  if (!keepsHandle) memory.w64(process - objectHeader.Body, objectHeader.HandleCount, 0);
  const [cpu] = kernel.cpus;
  if (cpu === undefined) return process;
  for (const program of programs) startThread(kernel, cpu, { process, program, priority: basePriority });
  cpu.dispatchRequested = true;
  return process;
}
