import type { DomainSnapshot, HostSnapshot, ProcessSnapshot, TaskSnapshot } from "../policy.js";
import { domainFlags, type DomainColumns } from "./domain-columns.js";
import type { HostColumns } from "./host-columns.js";
import {
  holdStates,
  schedulingPolicies,
  taskFlags,
  taskStates,
  type HoldState,
  type SchedulingPolicy,
  type TaskColumns,
  type TaskState,
} from "./task-columns.js";

/**
 * A row of the columns as a policy sees it. One object a row, for ever: reading it reads shared memory. What it is made
 * of is out of a policy's reach, so that nothing a policy writes into it outlasts the next refresh.
 */
class TaskView implements TaskSnapshot {
  readonly #columns: TaskColumns;
  readonly #row: number;
  readonly #name: () => string;
  // Made when somebody asks: few policies do.
  #cgroup: (() => string) | undefined;
  #argv0: (() => string) | undefined;

  constructor(columns: TaskColumns, row: number) {
    this.#columns = columns;
    this.#row = row;
    this.#name = columns.names.reader(row, "latin1");
  }

  get row(): number {
    return this.#row;
  }
  get id(): number {
    return this.#columns.id[this.#row] ?? 0;
  }
  get process(): number {
    return this.#columns.process[this.#row] ?? 0;
  }
  get state(): TaskState {
    return taskStates[this.#columns.state[this.#row] ?? 0] ?? "unknown";
  }
  get hold(): HoldState {
    return holdStates[this.#columns.hold[this.#row] ?? 0] ?? "none";
  }
  get cpuTimeNs(): number {
    return this.#columns.cpuTimeNs[this.#row] ?? 0;
  }
  get cpuTimeDeltaNs(): number {
    return this.#columns.cpuTimeDeltaNs[this.#row] ?? 0;
  }
  get cpu(): number {
    return this.#columns.cpu[this.#row] ?? 0;
  }
  get priority(): number {
    return this.#columns.priority[this.#row] ?? 0;
  }
  get startTimeNs(): number {
    return this.#columns.startTimeNs[this.#row] ?? 0;
  }
  get scheduling(): SchedulingPolicy | undefined {
    return schedulingPolicies[this.#columns.scheduling[this.#row] ?? 0];
  }
  get waitTimeNs(): number | undefined {
    return known(this.#columns.waitTimeNs[this.#row]);
  }
  get voluntarySwitches(): number | undefined {
    return known(this.#columns.voluntarySwitches[this.#row]);
  }
  get involuntarySwitches(): number | undefined {
    return known(this.#columns.involuntarySwitches[this.#row]);
  }
  get readBytes(): number | undefined {
    return known(this.#columns.readBytes[this.#row]);
  }
  get writtenBytes(): number | undefined {
    return known(this.#columns.writtenBytes[this.#row]);
  }
  get uid(): number | undefined {
    return known(this.#columns.uid[this.#row]);
  }
  get parent(): number | undefined {
    const parent = this.#columns.parent[this.#row];
    return parent === 0 ? undefined : parent;
  }
  /** Of a leader: its process's. */
  get cgroup(): string | undefined {
    this.#cgroup ??= this.#columns.cgroups.reader(this.#row, "utf8");
    return this.#cgroup() || undefined;
  }
  get argv0(): string | undefined {
    this.#argv0 ??= this.#columns.argv0s.reader(this.#row, "utf8");
    return this.#argv0() || undefined;
  }
  get flags(): number {
    return this.#columns.flags[this.#row] ?? 0;
  }

  get name(): string {
    return this.#name();
  }
}

function known(value: number | undefined): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}

/** A process: consecutive rows of one domain with the same process id. */
class ProcessView implements ProcessSnapshot {
  readonly threads: TaskView[] = [];
  readonly #index: number;

  constructor(index: number) {
    this.#index = index;
  }

  get index(): number {
    return this.#index;
  }

  get pid(): number {
    return this.threads[0]?.process ?? 0;
  }
  get parentPid(): number | undefined {
    return this.threads[0]?.parent;
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
  get hidden(): boolean {
    return this.#leaderHas(taskFlags.hidden);
  }
  get cgroup(): string | undefined {
    return this.threads[0]?.cgroup;
  }
  get argv0(): string | undefined {
    return this.threads[0]?.argv0;
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
  readonly #columns: DomainColumns;
  readonly #row: number;
  readonly #uuid: () => string;
  readonly #name: () => string;

  constructor(columns: DomainColumns, row: number) {
    this.#columns = columns;
    this.#row = row;
    this.#uuid = columns.uuids.reader(row, "latin1");
    this.#name = columns.names.reader(row, "utf8");
  }

  get id(): number {
    return this.#columns.id[this.#row] ?? 0;
  }
  get uuid(): string {
    return this.#uuid();
  }
  get name(): string {
    return this.#name();
  }
  get managed(): boolean {
    return this.#has(domainFlags.managed);
  }
  get paused(): boolean {
    return this.#has(domainFlags.paused);
  }
  get hasSay(): boolean {
    return !this.#has(domainFlags.mute);
  }
  get vcpuCount(): number {
    return this.#columns.vcpuCount[this.#row] ?? 0;
  }
  get cpuTimeNs(): number {
    return this.#columns.cpuTimeNs[this.#row] ?? 0;
  }
  get cpuTimeDeltaNs(): number {
    return this.#columns.cpuTimeDeltaNs[this.#row] ?? 0;
  }
  get weight(): number | undefined {
    return known(this.#columns.weight[this.#row]);
  }
  get capPercent(): number | undefined {
    return known(this.#columns.capPercent[this.#row]);
  }
  get ioBytesPerSecond(): number | undefined {
    return known(this.#columns.ioBytesPerSecond[this.#row]);
  }
  get row(): number {
    return this.#row;
  }

  get pausedNs(): number {
    return this.#columns.pausedNs[this.#row] ?? 0;
  }

  #has(flag: number): boolean {
    return ((this.#columns.flags[this.#row] ?? 0) & flag) !== 0;
  }
}

/** The host as policies see it, laid over the columns. Its objects are used again at every {@link refresh}. */
export class HostView implements HostSnapshot {
  timeNs = 0;
  intervalNs = 0;
  wallTimeMs = 0;
  utcOffsetMinutes = 0;
  cpuCount = 0;
  readonly domains: DomainView[] = [];
  readonly #tasks: TaskView[] = [];
  readonly #processes: ProcessView[] = [];
  #processCount = 0;
  readonly #domains: DomainView[] = [];
  readonly #bySlot = new Map<number, DomainView>();

  readonly #columns: HostColumns;

  constructor(columns: HostColumns) {
    this.#columns = columns;
    // Policies get this very object: none may put something else before its methods.
    Object.preventExtensions(this);
  }

  /** Shows what the columns hold now. */
  refresh(): this {
    this.timeNs = this.#columns.timeNs;
    this.intervalNs = this.#columns.intervalNs;
    this.wallTimeMs = this.#columns.wallTimeMs;
    this.utcOffsetMinutes = this.#columns.utcOffsetMinutes;
    this.cpuCount = this.#columns.cpuCount;
    this.domains.length = 0;
    this.#bySlot.clear();
    for (let row = 0; row < this.#columns.domainCount; row++) {
      const view = (this.#domains[row] ??= new DomainView(this.#columns.domains, row));
      view.processes.length = 0;
      this.#bySlot.set(this.#columns.domains.slot[row] ?? -1, view);
      this.domains.push(view);
    }
    this.#fillProcesses();
    return this;
  }

  /** Is it an object of the present snapshot: the task of its row, or a process in it? */
  has(target: TaskSnapshot | ProcessSnapshot): boolean {
    if ("threads" in target) {
      const index = target instanceof ProcessView ? target.index : -1;
      return index >= 0 && index < this.#processCount && this.#processes[index] === target;
    }
    return target.row < this.#columns.taskCount && this.#tasks[target.row] === target;
  }

  /** Row of a domain of the present snapshot; -1: it is none. */
  rowOf(target: DomainSnapshot): number {
    const row = target instanceof DomainView ? target.row : -1;
    return row < this.#columns.domainCount && this.#domains[row] === target ? row : -1;
  }

  #fillProcesses(): void {
    const { tasks, taskCount } = this.#columns;
    let used = 0;
    for (let row = 0; row < taskCount; row++) {
      const task = (this.#tasks[row] ??= new TaskView(tasks, row));
      const processes = this.#bySlot.get(tasks.domain[row] ?? -1)?.processes;
      if (processes === undefined) continue;
      let process = processes.at(-1);
      if (process?.pid !== task.process || (task.flags & taskFlags.leader) !== 0) {
        process = this.#processes[used] ??= new ProcessView(used);
        used++;
        process.threads.length = 0;
        processes.push(process);
      }
      process.threads.push(task);
    }
    this.#processCount = used;
  }
}
