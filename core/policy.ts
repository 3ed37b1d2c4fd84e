import type { HoldState, TaskState } from "./snapshot/task-columns.js";

/** One thread in a guest. */
export interface TaskSnapshot {
  /** Its row in the snapshot: what a wish names. */
  readonly row: number;
  readonly id: number;
  readonly name: string;
  readonly state: TaskState;
  readonly hold: HoldState;
  /** CPU time that the guest has accounted to it; and what of it fell into the last interval. */
  readonly cpuTimeNs: number;
  readonly cpuTimeDeltaNs: number;
  readonly cpu: number;
  readonly priority: number;
}

/** One process: its threads, leader first. */
export interface ProcessSnapshot {
  readonly pid: number;
  readonly name: string;
  /** A thread of the guest's kernel. */
  readonly kernel: boolean;
  /** Never edited (init, System). */
  readonly untouchable: boolean;
  /** The guest schedules it without listing it: somebody in the guest hides it. */
  readonly hidden: boolean;
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
  readonly vcpuCount: number;
  /** CPU time by the hypervisor's own accounting, in all and during the last interval. */
  readonly cpuTimeNs: number;
  readonly cpuTimeDeltaNs: number;
  readonly processes: readonly ProcessSnapshot[];
}

/** The whole host at one tick. Objects are valid during one `decide` and are used again for the next. */
export interface HostSnapshot {
  /** Host clock (monotonic), and time since the snapshot before (0 in the first one). */
  readonly timeNs: number;
  readonly intervalNs: number;
  readonly domains: readonly DomainSnapshot[];
}

/**
 * What a policy wants to be so. Wishes are level-triggered: whatever is not wished again at the next tick is undone.
 * A task is held if any policy wishes it; kernel threads and untouchable processes are never held, whatever is wished.
 */
export type Wish = HoldWish;

/** This thread, or all threads of this process (new ones too), do not run. */
export interface HoldWish {
  readonly kind: "hold";
  readonly target: TaskSnapshot | ProcessSnapshot;
  /** Why, in a few words: logged with the hold. */
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
