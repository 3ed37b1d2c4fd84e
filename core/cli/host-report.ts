import type { DomainKind } from "../hypervisor.js";
import { taskStates, type HoldState, type TaskState } from "../snapshot/task-columns.js";

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
  /** How often the walk of a list began again during this look, because the guest changed it meanwhile. */
  readonly races: number;
  readonly processes: readonly ProcessReport[];
}

export interface ProcessReport {
  readonly pid: number;
  readonly name: string;
  readonly kernel: boolean;
  /** The guest schedules it without listing it. */
  readonly hidden: boolean;
  /** The most active state of its threads. */
  readonly state: TaskState;
  /** Of all threads that live. */
  readonly cpuTimeNs: number;
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
}

/** A process, from its threads (leader first; at least one). */
export function processReport(
  { pid, kernel, hidden }: Pick<ProcessReport, "pid" | "kernel" | "hidden">,
  threads: readonly ThreadReport[],
): ProcessReport {
  const states = threads.map((thread) => thread.state);
  return {
    pid,
    name: threads[0]?.name ?? "",
    kernel,
    hidden,
    // taskStates begins with the most active ones.
    state: taskStates.find((state) => states.includes(state)) ?? "unknown",
    cpuTimeNs: threads.reduce((sum, thread) => sum + thread.cpuTimeNs, 0),
    threads,
  };
}
