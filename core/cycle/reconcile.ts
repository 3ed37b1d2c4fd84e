import { holdStates, taskFlags, taskStates, type TaskColumns } from "../snapshot/task-columns.js";

const none = holdStates.indexOf("none");
const holding = holdStates.indexOf("holding");
const held = holdStates.indexOf("held");
const releasing = holdStates.indexOf("releasing");
const exited = taskStates.indexOf("exited");

/** The difference between what is wished and what is: rows to hold and rows to release, in row order. */
export class Changes {
  readonly rows: Int32Array;
  /** 1 = hold, 0 = release. */
  readonly holds: Uint8Array;
  count = 0;

  constructor(capacity: number) {
    this.rows = new Int32Array(capacity);
    this.holds = new Uint8Array(capacity);
  }

  add(row: number, hold: number): void {
    this.rows[this.count] = row;
    this.holds[this.count] = hold;
    this.count++;
  }
}

/**
 * Compares the wishes with the first `rows` rows. A hold that is under way is left alone; a release that is under way
 * comes again, for the profile to see whether the guest needs a nudge. Allocates nothing.
 */
export function reconcile(columns: TaskColumns, rows: number, wishedHolds: Uint8Array, into: Changes): void {
  into.count = 0;
  for (let row = 0; row < rows; row++) {
    if (columns.state[row] === exited) continue;
    const hold = columns.hold[row];
    const wished =
      wishedHolds[row] === 1 &&
      ((columns.flags[row] ?? 0) & (taskFlags.kernel | taskFlags.untouchable)) === 0;
    if (
      wished ? hold === none || hold === releasing : hold === holding || hold === held || hold === releasing
    ) {
      into.add(row, wished ? 1 : 0);
    }
  }
}
