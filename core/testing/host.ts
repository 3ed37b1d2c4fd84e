import type { DomainSnapshot, HostSnapshot, ProcessSnapshot, TaskSnapshot } from "../policy.js";
import type { HoldState, SchedulingPolicy, TaskState } from "../snapshot/task-columns.js";

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
  /** Of every thread, in the guest's own scale; default 120, which on Linux is nice 0. */
  readonly priority?: number;
  /** CPU time of all threads together since they began; default: what they used in the last interval. */
  readonly cpuMs?: number;
  /** When it began, in the guest's clock: with the pid, its identity. Of every thread; default 0. */
  readonly startTimeMs?: number;
  /** Number of threads; default 1. */
  readonly threads?: number;
  /** The rest is unknown by default. Of every thread: */
  readonly scheduling?: SchedulingPolicy;
  readonly waitTimeNs?: number;
  readonly voluntarySwitches?: number;
  readonly involuntarySwitches?: number;
  readonly readBytes?: number;
  readonly writtenBytes?: number;
  readonly uid?: number;
  /** Of the process: */
  readonly parentPid?: number;
  readonly cgroup?: string;
  readonly argv0?: string;
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
  /** Default true. */
  readonly hasSay?: boolean;
  readonly vcpuCount?: number;
  /** Percent of one CPU charged by the hypervisor in the last interval; default: the sum of its processes. */
  readonly cpuPercent?: number;
  /** Weight and cap in the VM scheduler; default 256 and 0 (none), `none`: it has no weight and cap that can be changed. */
  readonly share?: { readonly weight: number; readonly capPercent: number } | "none";
  /** Limit of its disks; default 0 (none), `none`: there is no control of them. */
  readonly ioBytesPerSecond?: number | "none";
  /** For how long vmmsched paused it in the last interval; default 0. */
  readonly pausedMs?: number;
  readonly processes?: readonly ProcessSketch[];
}

/** A host; only what a test is about has to be written. */
export interface HostSketch {
  /** Time since the snapshot before; default 100, and 0 makes it the first one. */
  readonly intervalMs?: number;
  /** Host clock; default 1000. */
  readonly timeMs?: number;
  /** The host's calendar clock, in its local time, such as `2026-02-28T23:59`; default `1970-01-01T00:00`. */
  readonly localTime?: string;
  /** Minutes that local time is ahead of UTC; default 0. */
  readonly utcOffsetMinutes?: number;
  /** Physical CPUs; default 1. */
  readonly cpuCount?: number;
  readonly domains: readonly DomainSketch[];
}

const nsPerMs = 1e6;
const msPerMinute = 60_000;

/** A host as a policy sees it. */
export function host(sketch: HostSketch): HostSnapshot {
  const intervalNs = (sketch.intervalMs ?? 100) * nsPerMs;
  const { utcOffsetMinutes = 0 } = sketch;
  let row = 0;
  const newRow = () => row++;
  return {
    timeNs: (sketch.timeMs ?? 1000) * nsPerMs,
    intervalNs,
    wallTimeMs: Date.parse(`${sketch.localTime ?? "1970-01-01T00:00"}Z`) - utcOffsetMinutes * msPerMinute,
    utcOffsetMinutes,
    cpuCount: sketch.cpuCount ?? 1,
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
  const { share = { weight: 256, capPercent: 0 }, ioBytesPerSecond = 0 } = sketch;
  const cpuTimeDeltaNs =
    sketch.cpuPercent === undefined ? ofProcesses : (intervalNs * sketch.cpuPercent) / 100;
  return {
    id: sketch.id ?? id,
    uuid: sketch.uuid ?? `uuid-of-${sketch.name}`,
    name: sketch.name,
    managed: sketch.managed ?? true,
    paused: sketch.paused ?? false,
    hasSay: sketch.hasSay ?? true,
    vcpuCount: sketch.vcpuCount ?? 1,
    cpuTimeNs: cpuTimeDeltaNs,
    cpuTimeDeltaNs,
    weight: share === "none" ? undefined : share.weight,
    capPercent: share === "none" ? undefined : share.capPercent,
    ioBytesPerSecond: ioBytesPerSecond === "none" ? undefined : ioBytesPerSecond,
    pausedNs: (sketch.pausedMs ?? 0) * nsPerMs,
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
  const cpuTimeNs = sketch.cpuMs === undefined ? cpuTimeDeltaNs : sketch.cpuMs * nsPerMs;
  const state = sketch.state ?? "sleeping";
  const threads = Array.from({ length: threadCount }, (_, index): TaskSnapshot => ({
    row: newRow(),
    id: (sketch.pid ?? pid) + index,
    name: sketch.name,
    state,
    hold: sketch.hold ?? "none",
    cpuTimeNs: cpuTimeNs / threadCount,
    cpuTimeDeltaNs: cpuTimeDeltaNs / threadCount,
    cpu: 0,
    priority: sketch.priority ?? 120,
    startTimeNs: (sketch.startTimeMs ?? 0) * nsPerMs,
    scheduling: sketch.scheduling,
    waitTimeNs: sketch.waitTimeNs,
    voluntarySwitches: sketch.voluntarySwitches,
    involuntarySwitches: sketch.involuntarySwitches,
    readBytes: sketch.readBytes,
    writtenBytes: sketch.writtenBytes,
    uid: sketch.uid,
  }));
  return {
    pid: sketch.pid ?? pid,
    parentPid: sketch.parentPid,
    name: sketch.name,
    kernel: sketch.kernel ?? false,
    untouchable: sketch.untouchable ?? false,
    hidden: sketch.hidden ?? false,
    cgroup: sketch.cgroup,
    argv0: sketch.argv0,
    threads,
    runnable: state === "running" || state === "queued",
    cpuTimeDeltaNs,
  };
}
