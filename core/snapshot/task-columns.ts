import { columnPlacer, type ColumnBuffer } from "./column-placer.js";
import { TextColumn } from "./text-column.js";

/** What a task is doing. The codes are array indices in the `state` column: append only. */
export const taskStates = [
  "running",
  "queued",
  "sleeping",
  "blocked",
  "stopped",
  "exited",
  "unknown",
] as const;
export type TaskState = (typeof taskStates)[number];

/**
 * How far our hold on a task is: `none`; `holding`: asked for, the guest has not parked it yet; `held`: parked by us;
 * `releasing`: off its CPU, and not to run before it has been edited or the guest has made it runnable: it was taken back, or its
 * hold is half done. Append only.
 */
export const holdStates = ["none", "holding", "held", "releasing"] as const;
export type HoldState = (typeof holdStates)[number];

/** Bits of the `flags` column. */
export const taskFlags = {
  /** A thread of the kernel itself. */
  kernel: 1,
  /** init, System and whatever else the profile will never edit. */
  untouchable: 2,
  /** The process's first thread. */
  leader: 4,
  /** The guest schedules it, but does not list it: somebody in the guest hides it. A process of its own, whatever its id. */
  hidden: 8,
} as const;

/** How the guest schedules a task. The codes are array indices; 0: it is not known, or the guest has nothing like it. Append only. */
export const schedulingPolicies = [
  undefined,
  "other",
  "batch",
  "idle",
  "fifo",
  "rr",
  "deadline",
  "ext",
] as const;
export type SchedulingPolicy = NonNullable<(typeof schedulingPolicies)[number]>;

export const nameBytes = 16;
export const cgroupBytes = 128;
export const argv0Bytes = 64;

/**
 * One row a task (a Linux `task_struct`, a Windows `KTHREAD`), one column a property, in shared memory: the cycle
 * fills it, policies in other threads read it without a copy. Rows of one domain are consecutive and the rows of one
 * process follow each other, leader first.
 */
export class TaskColumns {
  readonly capacity: number;
  /** Slot of the domain: stays the same while the domain is known. */
  readonly domain: Int32Array;
  /** Thread id (Linux `pid`). */
  readonly id: Int32Array;
  /** Process id (Linux `tgid`). */
  readonly process: Int32Array;
  /** Process id of its process's parent (Linux `real_parent->tgid`): who started it or took it over. 0: none, or it is not known. */
  readonly parent: Int32Array;
  readonly state: Uint8Array;
  readonly hold: Uint8Array;
  readonly flags: Uint8Array;
  /** CPU the task runs or last ran on. */
  readonly cpu: Int32Array;
  /** Priority in the guest's own scale (Linux: static_prio, 120 = nice 0; Windows: 0..31). */
  readonly priority: Int32Array;
  /** CPU time the guest has accounted to the task, up to now where it runs. */
  readonly cpuTimeNs: Float64Array;
  /** What of it came since the snapshot before: written by the cycle, not by profiles. */
  readonly cpuTimeDeltaNs: Float64Array;
  /** When it was created, in the guest's clock: with id and address, its identity. */
  readonly startTimeNs: Float64Array;
  /** Time that it has waited for a CPU. This and the next five are NaN where the guest does not keep them. */
  readonly waitTimeNs: Float64Array;
  /** How often it left its CPU because it waited for something, and because another was to run. */
  readonly voluntarySwitches: Float64Array;
  readonly involuntarySwitches: Float64Array;
  /** Bytes that it made devices read and write. */
  readonly readBytes: Float64Array;
  readonly writtenBytes: Float64Array;
  /** Number of the user it runs as (Linux: the real one, as the guest's first user namespace numbers it). */
  readonly uid: Float64Array;
  /** Guest virtual address of its structure. */
  readonly address: Float64Array;
  /** {@link nameBytes} bytes a row, NUL-padded. */
  readonly name: Uint8Array;

  /** The same, as text. */
  readonly names: TextColumn;
  /** Of {@link schedulingPolicies}. */
  readonly scheduling: Uint8Array;
  /** Path of the process's control group, and its first argument: in the row of its leader. What is not known is empty. */
  readonly cgroups: TextColumn;
  readonly argv0s: TextColumn;

  constructor(readonly buffer: ColumnBuffer) {
    this.capacity = Math.floor(buffer.byteLength / bytesPerTask);
    const place = columnPlacer(buffer, this.capacity);
    this.cpuTimeNs = place(Float64Array);
    this.cpuTimeDeltaNs = place(Float64Array);
    this.startTimeNs = place(Float64Array);
    this.address = place(Float64Array);
    this.waitTimeNs = place(Float64Array);
    this.voluntarySwitches = place(Float64Array);
    this.involuntarySwitches = place(Float64Array);
    this.readBytes = place(Float64Array);
    this.writtenBytes = place(Float64Array);
    this.uid = place(Float64Array);
    this.domain = place(Int32Array);
    this.id = place(Int32Array);
    this.process = place(Int32Array);
    this.parent = place(Int32Array);
    this.cpu = place(Int32Array);
    this.priority = place(Int32Array);
    this.name = place(Uint8Array, nameBytes);
    this.cgroups = new TextColumn(place(Uint8Array, cgroupBytes), cgroupBytes);
    this.argv0s = new TextColumn(place(Uint8Array, argv0Bytes), argv0Bytes);
    this.state = place(Uint8Array);
    this.hold = place(Uint8Array);
    this.flags = place(Uint8Array);
    this.scheduling = place(Uint8Array);
    this.names = new TextColumn(this.name, nameBytes);
  }

  static allocate(capacity: number): TaskColumns {
    return new TaskColumns(new SharedArrayBuffer(TaskColumns.bytes(capacity)));
  }

  static bytes(capacity: number): number {
    return capacity * bytesPerTask;
  }

  /** Says of a row that nothing is known that not every guest keeps. */
  clearOptional(row: number): void {
    this.waitTimeNs[row] = Number.NaN;
    this.voluntarySwitches[row] = Number.NaN;
    this.involuntarySwitches[row] = Number.NaN;
    this.readBytes[row] = Number.NaN;
    this.writtenBytes[row] = Number.NaN;
    this.uid[row] = Number.NaN;
    this.parent[row] = 0;
    this.scheduling[row] = 0;
    this.cgroups.clear(row);
    this.argv0s.clear(row);
  }

  /** Takes over the first `rows` rows of another table. */
  copyFrom(other: TaskColumns, rows: number): void {
    this.cpuTimeNs.set(other.cpuTimeNs.subarray(0, rows));
    this.cpuTimeDeltaNs.set(other.cpuTimeDeltaNs.subarray(0, rows));
    this.startTimeNs.set(other.startTimeNs.subarray(0, rows));
    this.address.set(other.address.subarray(0, rows));
    this.waitTimeNs.set(other.waitTimeNs.subarray(0, rows));
    this.voluntarySwitches.set(other.voluntarySwitches.subarray(0, rows));
    this.involuntarySwitches.set(other.involuntarySwitches.subarray(0, rows));
    this.readBytes.set(other.readBytes.subarray(0, rows));
    this.writtenBytes.set(other.writtenBytes.subarray(0, rows));
    this.uid.set(other.uid.subarray(0, rows));
    this.domain.set(other.domain.subarray(0, rows));
    this.id.set(other.id.subarray(0, rows));
    this.process.set(other.process.subarray(0, rows));
    this.parent.set(other.parent.subarray(0, rows));
    this.cpu.set(other.cpu.subarray(0, rows));
    this.priority.set(other.priority.subarray(0, rows));
    this.name.set(other.name.subarray(0, rows * nameBytes));
    this.state.set(other.state.subarray(0, rows));
    this.hold.set(other.hold.subarray(0, rows));
    this.flags.set(other.flags.subarray(0, rows));
    this.scheduling.set(other.scheduling.subarray(0, rows));
    this.cgroups.bytes.set(other.cgroups.bytes.subarray(0, rows * cgroupBytes));
    this.argv0s.bytes.set(other.argv0s.bytes.subarray(0, rows * argv0Bytes));
  }
}

const bytesPerTask = 10 * 8 + 6 * 4 + nameBytes + cgroupBytes + argv0Bytes + 4;
