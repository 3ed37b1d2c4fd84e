import type { HoldState, SchedulingPolicy, TaskState } from "./snapshot/task-columns.js";

/** One thread in a guest. */
export interface TaskSnapshot {
  /** Its row in the snapshot: what a wish names. */
  readonly row: number;
  readonly id: number;
  readonly name: string;
  readonly state: TaskState;
  readonly hold: HoldState;
  /** CPU time that the guest has accounted to it, up to now where it runs; and what of it fell into the last interval. */
  readonly cpuTimeNs: number;
  readonly cpuTimeDeltaNs: number;
  readonly cpu: number;
  readonly priority: number;
  /** When it was created, in the guest's clock. */
  readonly startTimeNs: number;
  /** How the guest schedules it. This and what follows is undefined where the guest does not keep it. */
  readonly scheduling: SchedulingPolicy | undefined;
  /** Time that it has waited for a CPU since it was created. */
  readonly waitTimeNs: number | undefined;
  /** How often it left its CPU because it waited for something, and because another was to run. */
  readonly voluntarySwitches: number | undefined;
  readonly involuntarySwitches: number | undefined;
  /** Bytes that it made devices read and write. */
  readonly readBytes: number | undefined;
  readonly writtenBytes: number | undefined;
  /** Number of the user it runs as. */
  readonly uid: number | undefined;
}

/** One process: its threads, leader first. */
export interface ProcessSnapshot {
  readonly pid: number;
  /** Process id of the one that started it, or that took it over when that one ended. Undefined where there is none or it is not known. */
  readonly parentPid: number | undefined;
  readonly name: string;
  /** A thread of the guest's kernel. */
  readonly kernel: boolean;
  /** Never edited (init, System). */
  readonly untouchable: boolean;
  /** The guest schedules it without listing it: somebody in the guest hides it. */
  readonly hidden: boolean;
  /** Path of its control group, such as `/system.slice/cron.service`: the first 128 bytes. Undefined where there is none. */
  readonly cgroup: string | undefined;
  /** Its first argument, as it was started or as it set it: the first 64 bytes. Undefined where it cannot be read. */
  readonly argv0: string | undefined;
  readonly threads: readonly TaskSnapshot[];
  /** Does any thread run or wait for a CPU? */
  readonly runnable: boolean;
  readonly cpuTimeDeltaNs: number;
}

/** One domain. Unmanaged ones have no processes: only the hypervisor's word on them is known. */
export interface DomainSnapshot {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly managed: boolean;
  readonly paused: boolean;
  /**
   * False while the guard lets it have no say: it has contradicted the hypervisor's accounting, or has kept others' processes held for
   * longer than it may. What it wants is to stand against nobody in other domains; its own processes are held as ever.
   */
  readonly hasSay: boolean;
  readonly vcpuCount: number;
  /** CPU time by the hypervisor's own accounting, in all and during the last interval. */
  readonly cpuTimeNs: number;
  readonly cpuTimeDeltaNs: number;
  /**
   * Weight (1 to 65535, usually 256) and cap (percent of one CPU, 0 is none) in the host's VM scheduler as they are now,
   * whoever has set them. Undefined where there are none, or they must not be changed.
   */
  readonly weight: number | undefined;
  readonly capPercent: number | undefined;
  /**
   * What each of its disks reads and writes at most, in bytes per second; 0 is no limit. Where its disks have several limits it is
   * the greatest. Undefined where there is no control of its disks.
   */
  readonly ioBytesPerSecond: number | undefined;
  /**
   * For how long vmmsched itself has paused it during the last interval. The hypervisor charges nothing for it; the guest
   * may, to whatever task was running on each vCPU.
   */
  readonly pausedNs: number;
  readonly processes: readonly ProcessSnapshot[];
}

/** The whole host at one tick. Objects are valid during one `decide` and are used again for the next. */
export interface HostSnapshot {
  /** Host clock (monotonic), and time since the snapshot before (0 in the first one). */
  readonly timeNs: number;
  readonly intervalNs: number;
  /**
   * The host's calendar clock, for what goes by the time of day: milliseconds since 1970-01-01 00:00 UTC, and the minutes that
   * the host's local time is ahead of UTC. It may be set at any time; durations are to be measured by `timeNs`.
   */
  readonly wallTimeMs: number;
  readonly utcOffsetMinutes: number;
  /** Physical CPUs of the host, as its hypervisor counts them. */
  readonly cpuCount: number;
  readonly domains: readonly DomainSnapshot[];
}

/**
 * What a policy wants to be so. Wishes are level-triggered: whatever is not wished again at the next tick is undone.
 * A task is held if any policy wishes it; of several priorities that are wished for it the one with the smallest share of
 * the CPU counts, and so do the smallest weight, cap and I/O limit of a domain. Kernel threads and untouchable processes are
 * left alone, whatever is wished.
 */
export type Wish = HoldWish | PriorityWish | ShareWish;

/** This thread, or all threads of this process (new ones too), do not run. */
export interface HoldWish {
  readonly kind: "hold";
  readonly target: TaskSnapshot | ProcessSnapshot;
  /** Why, in a few words: logged with the hold. */
  readonly reason?: string;
}

/** This thread, or all threads of this process (new ones too), have this priority. */
export interface PriorityWish {
  readonly kind: "priority";
  readonly target: TaskSnapshot | ProcessSnapshot;
  /** An integer from -20 (the greatest share of the CPU) to 19 (the smallest), as POSIX has it, whatever the guest's own scale is. */
  readonly nice: number;
  /** Why, in a few words: logged with the change. */
  readonly reason?: string;
}

/** This domain has this weight or cap in the host's VM scheduler, or its disks this limit. What is left out stays its own. */
export interface ShareWish {
  readonly kind: "share";
  readonly target: DomainSnapshot;
  /** An integer from 1 to 65535; domains have 256 if nobody says otherwise. */
  readonly weight?: number;
  /** Percent of one CPU, an integer up to 65535; 0 is no cap. */
  readonly capPercent?: number;
  /** What each of its disks may read and write: an integer from 65536 to 1e15; 0 is no limit but those that single disks have. */
  readonly ioBytesPerSecond?: number;
  /** Why, in a few words: logged with the change. */
  readonly reason?: string;
}

/**
 * A policy is pure: what it wishes follows from the host, its options and its own state. No I/O, no timers; time is
 * `host.timeNs`. `init` makes the state, from the state of the version before it when there is one.
 */
export interface Policy<Options = unknown, State = unknown> {
  init?(options: Options, previous?: State): State;
  decide(host: HostSnapshot, options: Options, state: State): Iterable<Wish>;
}
