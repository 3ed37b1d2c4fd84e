import type { DomainSnapshot, HostSnapshot, ProcessSnapshot, TaskSnapshot } from "../policy.js";
import type { HoldState, TaskState } from "../snapshot/task-columns.js";

/** A process; everything but its name has a default. */
export interface ProcessSketch {
  readonly name: string;
  /** Default: 100, 101, ... within the domain. */
  readonly pid?: number;
  readonly kernel?: boolean;
  readonly untouchable?: boolean;
  readonly hidden?: boolean;
  /** Of every thread; default `sleeping`. */
  readonly state?: TaskState;
  /** Of every thread; default `none`. */
  readonly hold?: HoldState;
  /** Percent of one CPU used in the last interval by all threads together, by the guest's accounting; default 0. */
  readonly cpuPercent?: number;
  /** Number of threads; default 1. */
  readonly threads?: number;
}

/** A domain; everything but its name has a default. */
export interface DomainSketch {
  readonly name: string;
  /** Default: 1, 2, ... in the order of the host. */
  readonly id?: number;
  /** Default: made from the name. */
  readonly uuid?: string;
  readonly managed?: boolean;
  readonly paused?: boolean;
  readonly vcpuCount?: number;
  /** Percent of one CPU charged by the hypervisor in the last interval; default: the sum of its processes. */
  readonly cpuPercent?: number;
  readonly processes?: readonly ProcessSketch[];
}

/** A host; only what a test is about has to be written. */
export interface HostSketch {
  /** Time since the snapshot before; default 100, and 0 makes it the first one. */
  readonly intervalMs?: number;
  /** Host clock; default 1000. */
  readonly timeMs?: number;
  readonly domains: readonly DomainSketch[];
}

const nsPerMs = 1e6;

/** A host as a policy sees it. */
export function host(sketch: HostSketch): HostSnapshot {
  const intervalNs = (sketch.intervalMs ?? 100) * nsPerMs;
  let row = 0;
  const newRow = () => row++;
  return {
    timeNs: (sketch.timeMs ?? 1000) * nsPerMs,
    intervalNs,
    domains: sketch.domains.map((domain, index) => domainOf(domain, index + 1, intervalNs, newRow)),
  };
}

function domainOf(
  sketch: DomainSketch,
  id: number,
  intervalNs: number,
  newRow: () => number,
): DomainSnapshot {
  const processes = (sketch.processes ?? []).map((process, index) =>
    processOf(process, 100 + index, intervalNs, newRow),
  );
  const ofProcesses = processes.reduce((sum, process) => sum + process.cpuTimeDeltaNs, 0);
  const cpuTimeDeltaNs =
    sketch.cpuPercent === undefined ? ofProcesses : (intervalNs * sketch.cpuPercent) / 100;
  return {
    id: sketch.id ?? id,
    uuid: sketch.uuid ?? `uuid-of-${sketch.name}`,
    name: sketch.name,
    managed: sketch.managed ?? true,
    paused: sketch.paused ?? false,
    vcpuCount: sketch.vcpuCount ?? 1,
    cpuTimeNs: cpuTimeDeltaNs,
    cpuTimeDeltaNs,
    processes,
  };
}

function processOf(
  sketch: ProcessSketch,
  pid: number,
  intervalNs: number,
  newRow: () => number,
): ProcessSnapshot {
  const threadCount = sketch.threads ?? 1;
  const cpuTimeDeltaNs = (intervalNs * (sketch.cpuPercent ?? 0)) / 100;
  const state = sketch.state ?? "sleeping";
  const threads = Array.from({ length: threadCount }, (_, index): TaskSnapshot => ({
    row: newRow(),
    id: (sketch.pid ?? pid) + index,
    name: sketch.name,
    state,
    hold: sketch.hold ?? "none",
    cpuTimeNs: cpuTimeDeltaNs / threadCount,
    cpuTimeDeltaNs: cpuTimeDeltaNs / threadCount,
    cpu: 0,
    priority: 120,
  }));
  return {
    pid: sketch.pid ?? pid,
    name: sketch.name,
    kernel: sketch.kernel ?? false,
    untouchable: sketch.untouchable ?? false,
    hidden: sketch.hidden ?? false,
    threads,
    runnable: state === "running" || state === "queued",
    cpuTimeDeltaNs,
  };
}
