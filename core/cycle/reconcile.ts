import { holdStates, taskFlags, taskStates, type TaskColumns } from "../snapshot/task-columns.js";

const none = holdStates.indexOf("none");
const holding = holdStates.indexOf("holding");
const held = holdStates.indexOf("held");
const releasing = holdStates.indexOf("releasing");
const exited = taskStates.indexOf("exited");

/** Codes of what a change does. */
export const changeKinds = ["release", "hold", "priority"] as const;
export type ChangeKind = (typeof changeKinds)[number];
const release = changeKinds.indexOf("release");
const hold = changeKinds.indexOf("hold");
const priority = changeKinds.indexOf("priority");

/** The difference between what is wished and what is, in row order. A row may have two: its priority, and a hold or release. */
export class Changes {
  readonly rows: Int32Array;
  /** Indices in {@link changeKinds}. */
  readonly kinds: Uint8Array;
  /** Priorities, in the guest's own scale: what the snapshot shows, and what it is to be. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  count = 0;

  /** `capacity`: of tasks. */
  constructor(capacity: number) {
    this.rows = new Int32Array(2 * capacity);
    this.kinds = new Uint8Array(2 * capacity);
    this.from = new Int32Array(2 * capacity);
    this.to = new Int32Array(2 * capacity);
  }

  kind(index: number): ChangeKind {
    return changeKinds[this.kinds[index] ?? release] ?? "release";
  }

  add(row: number, kind: number, from = 0, to = 0): void {
    this.rows[this.count] = row;
    this.kinds[this.count] = kind;
    this.from[this.count] = from;
    this.to[this.count] = to;
    this.count++;
  }

  /** Leaves those for whose index `stays` says so, in their order. */
  retain(stays: (index: number) => boolean): void {
    const { count } = this;
    this.count = 0;
    for (let i = 0; i < count; i++)
      if (stays(i)) this.add(this.rows[i] ?? 0, this.kinds[i] ?? release, this.from[i], this.to[i]);
  }
}

/** May anything be wished for the task in this row? */
export function isEditable(columns: TaskColumns, row: number): boolean {
  return ((columns.flags[row] ?? 0) & (taskFlags.kernel | taskFlags.untouchable)) === 0;
}

/**
 * Compares the first `rows` rows with the holds that are wished for them, and the priorities that they are to have. A hold
 * that is under way is left alone; a release that is under way comes again, for the profile to see whether the guest needs
 * a nudge. Allocates nothing.
 */
export function reconcile(
  columns: TaskColumns,
  rows: number,
  wishedHolds: Uint8Array,
  priorities: Int32Array,
  into: Changes,
): void {
  into.count = 0;
  for (let row = 0; row < rows; row++) {
    if (columns.state[row] === exited) continue;
    const from = columns.priority[row] ?? 0;
    const to = priorities[row] ?? 0;
    if (from !== to) into.add(row, priority, from, to);
    const state = columns.hold[row];
    const wished = wishedHolds[row] === 1 && isEditable(columns, row);
    if (
      wished
        ? state === none || state === releasing
        : state === holding || state === held || state === releasing
    ) {
      into.add(row, wished ? hold : release);
    }
  }
}
