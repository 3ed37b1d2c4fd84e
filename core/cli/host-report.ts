import type { DomainKind } from "../hypervisor.js";
import type { ProcessSnapshot } from "../policy.js";
import {
  taskStates,
  type HoldState,
  type SchedulingPolicy,
  type TaskState,
} from "../snapshot/task-columns.js";

/** One look at a host: what `ps --json` prints. docs/ps.schema.json is its JSON Schema; times in ns unless named. */
export interface HostReport {
  readonly schema: 1;
  /** Host's realtime clock, in seconds, before the first and after the last read. */
  readonly takenAt: { readonly begin: number; readonly end: number };
  readonly domains: readonly DomainReport[];
}

export interface DomainReport {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly kind: DomainKind;
  /** Absent where no profile knows the guest. */
  readonly os?: string;
  readonly version?: string;
  readonly managed: boolean;
  /** Why it is not managed. */
  readonly reason?: string;
  /** Weight, and cap in percent of one CPU (0: none), in the VM scheduler. Absent where there are none, or it is to be left alone. */
  readonly weight?: number;
  readonly capPercent?: number;
  /** What each of its disks reads and writes at most (0: no limit). Absent where there is no control of them. */
  readonly ioBytesPerSecond?: number;
  /** How often the walk of a list began again during this look, because the guest changed it meanwhile. */
  readonly races: number;
  readonly processes: readonly ProcessReport[];
}

export interface ProcessReport {
  readonly pid: number;
  /** Process id of the one that started it, or took it over. Absent where there is none or it is not known. */
  readonly parentPid?: number;
  readonly name: string;
  readonly kernel: boolean;
  /** The guest schedules it without listing it. */
  readonly hidden: boolean;
  /** The most active state of its threads. */
  readonly state: TaskState;
  /** Of all threads that live. */
  readonly cpuTimeNs: number;
  /** What the guest does not keep, or what cannot be read, is absent here and below. */
  readonly cgroup?: string;
  readonly argv0?: string;
  readonly threads: readonly ThreadReport[];
}

export interface ThreadReport {
  readonly tid: number;
  readonly name: string;
  readonly state: TaskState;
  readonly cpu: number;
  readonly priority: number;
  readonly cpuTimeNs: number;
  readonly hold: HoldState;
  /** In the guest's clock. */
  readonly startTimeNs: number;
  readonly scheduling?: SchedulingPolicy;
  readonly waitTimeNs?: number;
  readonly voluntarySwitches?: number;
  readonly involuntarySwitches?: number;
  readonly readBytes?: number;
  readonly writtenBytes?: number;
  readonly uid?: number;
}

/** A process, from its threads (leader first; at least one). */
export function processReport(
  {
    pid,
    parentPid,
    kernel,
    hidden,
    cgroup,
    argv0,
  }: Pick<ProcessSnapshot, "pid" | "parentPid" | "kernel" | "hidden" | "cgroup" | "argv0">,
  threads: readonly ThreadReport[],
): ProcessReport {
  const states = threads.map((thread) => thread.state);
  return {
    pid,
    ...(parentPid === undefined ? {} : { parentPid }),
    name: threads[0]?.name ?? "",
    kernel,
    hidden,
    // taskStates begins with the most active ones.
    state: taskStates.find((state) => states.includes(state)) ?? "unknown",
    cpuTimeNs: threads.reduce((sum, thread) => sum + thread.cpuTimeNs, 0),
    ...(cgroup === undefined ? {} : { cgroup }),
    ...(argv0 === undefined ? {} : { argv0 }),
    threads,
  };
}
