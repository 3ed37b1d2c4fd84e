import type { HostColumns } from "../../../core/snapshot/host-columns.js";
import { taskFlags } from "../../../core/snapshot/task-columns.js";

/** A snapshot of one domain, whose every task is a process of its own, written as a scan does. */
export class HostTicks {
  #stamp = 0;

  constructor(
    readonly columns: HostColumns,
    private readonly tasks: number,
  ) {}

  /** The next snapshot. All of its rows carry the same stamp, as CPU time and as priority. */
  next(): number {
    const { columns } = this;
    const stamp = ++this.#stamp;
    columns.beginWriting();
    for (let row = 0; row < this.tasks; row++) writeTask(columns, row, 0xffff_0000 + 64 * row, stamp);
    columns.endWriting([domain], this.tasks, stamp * 1e6, 1e6);
    return stamp;
  }
}

export function writeTask({ tasks }: HostColumns, row: number, address: number, stamp: number): void {
  tasks.domain[row] = 0;
  tasks.id[row] = row + 1;
  tasks.process[row] = row + 1;
  tasks.state[row] = 0;
  tasks.hold[row] = 0;
  tasks.flags[row] = taskFlags.leader;
  tasks.cpu[row] = 0;
  tasks.priority[row] = stamp;
  tasks.cpuTimeNs[row] = stamp;
  tasks.cpuTimeDeltaNs[row] = 0;
  tasks.startTimeNs[row] = 1;
  tasks.address[row] = address;
  tasks.names.set(row, "worker");
}

export const domain = {
  slot: 0,
  info: { id: 1, uuid: "u-1", name: "guest", paused: false, vcpuCount: 1, cpuTimeNs: 0 },
  managed: true,
  cpuTimeDeltaNs: 0,
  pausedNs: 0,
  hasSay: true,
};
