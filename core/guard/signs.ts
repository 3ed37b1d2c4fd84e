import { holdStates, taskFlags, taskStates, type TaskColumns } from "../snapshot/task-columns.js";

const exited = taskStates.indexOf("exited");
const running = taskStates.indexOf("running");
const queued = taskStates.indexOf("queued");
const none = holdStates.indexOf("none");
const holding = holdStates.indexOf("holding");
const held = holdStates.indexOf("held");

/** A CPU time may fall by less than this by the way that it is read, while the guest changes it. */
const readingNs = 20e6;

/** What a domain's tasks say in one tick. */
export class Signs {
  /** Any task runs or waits for a CPU, whoever it is, and is not kept from it. */
  runnable = false;
  /** One of those is neither of the kernel nor held. */
  wants = false;
  heldCount = 0;
  /** CPU time that the guest charged to all of them in the last interval. */
  chargedNs = 0;
  /** A task's CPU time has fallen. */
  fell = false;

  clear(): void {
    this.runnable = false;
    this.wants = false;
    this.heldCount = 0;
    this.chargedNs = 0;
    this.fell = false;
  }

  /** Takes over a row, and cuts its CPU time in the last interval to what is possible: from 0 to `mostNs`. */
  see(columns: TaskColumns, row: number, mostNs: number): void {
    const deltaNs = columns.cpuTimeDeltaNs[row] ?? 0;
    if (deltaNs < -readingNs) this.fell = true;
    this.chargedNs += Math.max(0, deltaNs);
    columns.cpuTimeDeltaNs[row] = Math.min(Math.max(0, deltaNs), mostNs);
    const state = columns.state[row];
    if (state === exited) return;
    const hold = columns.hold[row];
    if (hold === holding || hold === held) this.heldCount++;
    // What is being held still runs until it is.
    if ((state !== running && state !== queued) || (hold !== none && hold !== holding)) return;
    this.runnable = true;
    if (hold === none && ((columns.flags[row] ?? 0) & taskFlags.kernel) === 0) this.wants = true;
  }
}
