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
 * `releasing`: taken back, the guest has not made it runnable yet. Append only.
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

export const nameBytes = 16;

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
  readonly state: Uint8Array;
  readonly hold: Uint8Array;
  readonly flags: Uint8Array;
  /** CPU the task runs or last ran on. */
  readonly cpu: Int32Array;
  /** Priority in the guest's own scale (Linux: static_prio, 120 = nice 0; Windows: 0..31). */
  readonly priority: Int32Array;
  /** CPU time the guest has accounted to the task. */
  readonly cpuTimeNs: Float64Array;
  /** What of it came since the snapshot before: written by the cycle, not by profiles. */
  readonly cpuTimeDeltaNs: Float64Array;
  /** When it was created, in the guest's clock: with id and address, its identity. */
  readonly startTimeNs: Float64Array;
  /** Guest virtual address of its structure. */
  readonly address: Float64Array;
  /** {@link nameBytes} bytes a row, NUL-padded. */
  readonly name: Uint8Array;

  /** The same, as text. */
  readonly names: TextColumn;

  constructor(readonly buffer: ColumnBuffer) {
    this.capacity = Math.floor(buffer.byteLength / bytesPerTask);
    const place = columnPlacer(buffer, this.capacity);
    this.cpuTimeNs = place(Float64Array);
    this.cpuTimeDeltaNs = place(Float64Array);
    this.startTimeNs = place(Float64Array);
    this.address = place(Float64Array);
    this.domain = place(Int32Array);
    this.id = place(Int32Array);
    this.process = place(Int32Array);
    this.cpu = place(Int32Array);
    this.priority = place(Int32Array);
    this.name = place(Uint8Array, nameBytes);
    this.state = place(Uint8Array);
    this.hold = place(Uint8Array);
    this.flags = place(Uint8Array);
    this.names = new TextColumn(this.name, nameBytes);
  }

  static allocate(capacity: number): TaskColumns {
    return new TaskColumns(new SharedArrayBuffer(TaskColumns.bytes(capacity)));
  }

  static bytes(capacity: number): number {
    return capacity * bytesPerTask;
  }

  /** Takes over the first `rows` rows of another table. */
  copyFrom(other: TaskColumns, rows: number): void {
    this.cpuTimeNs.set(other.cpuTimeNs.subarray(0, rows));
    this.cpuTimeDeltaNs.set(other.cpuTimeDeltaNs.subarray(0, rows));
    this.startTimeNs.set(other.startTimeNs.subarray(0, rows));
    this.address.set(other.address.subarray(0, rows));
    this.domain.set(other.domain.subarray(0, rows));
    this.id.set(other.id.subarray(0, rows));
    this.process.set(other.process.subarray(0, rows));
    this.cpu.set(other.cpu.subarray(0, rows));
    this.priority.set(other.priority.subarray(0, rows));
    this.name.set(other.name.subarray(0, rows * nameBytes));
    this.state.set(other.state.subarray(0, rows));
    this.hold.set(other.hold.subarray(0, rows));
    this.flags.set(other.flags.subarray(0, rows));
  }
}

const bytesPerTask = 4 * 8 + 5 * 4 + nameBytes + 3;
