import type { DomainInfo } from "../hypervisor.js";
import type { DomainSnapshot, HostSnapshot, ProcessSnapshot, TaskSnapshot } from "../policy.js";
import {
  holdStates,
  nameBytes,
  taskFlags,
  taskStates,
  type HoldState,
  type TaskColumns,
  type TaskState,
} from "./task-columns.js";

/** What the view needs to know of a domain beside its rows. */
export interface DomainEntry {
  readonly slot: number;
  readonly info: DomainInfo;
  /** Its rows are in the snapshot. */
  readonly managed: boolean;
  readonly cpuTimeDeltaNs: number;
}

/** A row of the columns as a policy sees it. One object a row, for ever: reading it reads shared memory. */
class TaskView implements TaskSnapshot {
  readonly #nameWords: Int32Array;
  #name = "";
  readonly #seen = new Int32Array(nameBytes / 4).fill(-1);

  constructor(
    private readonly columns: TaskColumns,
    readonly row: number,
  ) {
    this.#nameWords = new Int32Array(
      columns.buffer,
      columns.name.byteOffset + row * nameBytes,
      nameBytes / 4,
    );
  }

  get id(): number {
    return this.columns.id[this.row] ?? 0;
  }
  get process(): number {
    return this.columns.process[this.row] ?? 0;
  }
  get state(): TaskState {
    return taskStates[this.columns.state[this.row] ?? 0] ?? "unknown";
  }
  get hold(): HoldState {
    return holdStates[this.columns.hold[this.row] ?? 0] ?? "none";
  }
  get cpuTimeNs(): number {
    return this.columns.cpuTimeNs[this.row] ?? 0;
  }
  get cpuTimeDeltaNs(): number {
    return this.columns.cpuTimeDeltaNs[this.row] ?? 0;
  }
  get cpu(): number {
    return this.columns.cpu[this.row] ?? 0;
  }
  get priority(): number {
    return this.columns.priority[this.row] ?? 0;
  }
  get flags(): number {
    return this.columns.flags[this.row] ?? 0;
  }

  /** Decoded only when its bytes have changed. */
  get name(): string {
    if (this.#seen.some((word, i) => word !== this.#nameWords[i])) {
      this.#seen.set(this.#nameWords);
      const bytes = this.columns.name.slice(this.row * nameBytes, (this.row + 1) * nameBytes);
      const end = bytes.indexOf(0);
      this.#name = Buffer.from(bytes.subarray(0, end < 0 ? nameBytes : end)).toString("latin1");
    }
    return this.#name;
  }
}

/** A process: consecutive rows of one domain with the same process id. */
class ProcessView implements ProcessSnapshot {
  readonly threads: TaskView[] = [];

  get pid(): number {
    return this.threads[0]?.process ?? 0;
  }
  get name(): string {
    return this.threads[0]?.name ?? "";
  }
  get kernel(): boolean {
    return this.#leaderHas(taskFlags.kernel);
  }
  get untouchable(): boolean {
    return this.#leaderHas(taskFlags.untouchable);
  }
  get runnable(): boolean {
    return this.threads.some((thread) => thread.state === "running" || thread.state === "queued");
  }
  get cpuTimeDeltaNs(): number {
    return this.threads.reduce((sum, thread) => sum + thread.cpuTimeDeltaNs, 0);
  }

  #leaderHas(flag: number): boolean {
    return ((this.threads[0]?.flags ?? 0) & flag) !== 0;
  }
}

class DomainView implements DomainSnapshot {
  readonly processes: ProcessView[] = [];

  constructor(private readonly entry: DomainEntry) {}

  get id(): number {
    return this.entry.info.id;
  }
  get uuid(): string {
    return this.entry.info.uuid;
  }
  get name(): string {
    return this.entry.info.name;
  }
  get managed(): boolean {
    return this.entry.managed;
  }
  get paused(): boolean {
    return this.entry.info.paused;
  }
  get vcpuCount(): number {
    return this.entry.info.vcpuCount;
  }
  get cpuTimeNs(): number {
    return this.entry.info.cpuTimeNs;
  }
  get cpuTimeDeltaNs(): number {
    return this.entry.cpuTimeDeltaNs;
  }
}

/** The host as policies see it, laid over the columns. Its objects are used again at every update. */
export class HostView implements HostSnapshot {
  timeNs = 0;
  intervalNs = 0;
  readonly domains: DomainView[] = [];
  readonly #tasks: TaskView[] = [];
  readonly #processes: ProcessView[] = [];
  readonly #domains = new Map<DomainEntry, DomainView>();

  constructor(private readonly columns: TaskColumns) {}

  /** Shows these domains and the first `rows` rows. */
  update(entries: Iterable<DomainEntry>, rows: number, timeNs: number, intervalNs: number): this {
    this.timeNs = timeNs;
    this.intervalNs = intervalNs;
    this.domains.length = 0;
    const known = new Map<number, DomainView>();
    for (const entry of entries) {
      const view = this.#domains.get(entry) ?? new DomainView(entry);
      this.#domains.set(entry, view);
      view.processes.length = 0;
      known.set(entry.slot, view);
      this.domains.push(view);
    }
    for (const [entry] of this.#domains)
      if (known.get(entry.slot) !== this.#domains.get(entry)) this.#domains.delete(entry);
    this.#fillProcesses(known, rows);
    return this;
  }

  #fillProcesses(domains: ReadonlyMap<number, DomainView>, rows: number): void {
    let used = 0;
    for (let row = 0; row < rows; row++) {
      const slot = this.columns.domain[row] ?? -1;
      const task = (this.#tasks[row] ??= new TaskView(this.columns, row));
      const processes = domains.get(slot)?.processes;
      if (processes === undefined) continue;
      let process = processes.at(-1);
      if (process?.pid !== task.process || (task.flags & taskFlags.leader) !== 0) {
        process = this.#processes[used] ??= new ProcessView();
        used++;
        process.threads.length = 0;
        processes.push(process);
      }
      process.threads.push(task);
    }
  }
}
