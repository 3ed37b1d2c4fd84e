import {
  holdStates,
  isVmmschedError,
  nameBytes,
  taskFlags,
  taskStates,
  vaOffset,
  VmmschedError,
  type AddressSpace,
  type EditTransaction,
  type GuestDescription,
  type GuestKernel,
  type GuestVa,
  type HoldState,
  type NotNow,
  type SnapshotBuilder,
  type TaskChange,
  type TaskState,
} from "vmmsched/plugin-api";
import { header, headerVa, isToy } from "./header.js";

/** A file in layouts/: the size of a task record and the byte offsets in it. */
export type Layout = Readonly<
  Record<
    | "recordBytes"
    | "id"
    | "process"
    | "parent"
    | "state"
    | "flags"
    | "hold"
    | "cpu"
    | "priority"
    | "cpuTimeNs"
    | "startTimeNs"
    | "name",
    number
  >
>;

/** What was found in a domain. */
export interface ToyFacts {
  readonly space: AddressSpace;
  readonly version: string;
  readonly layout: Layout;
  readonly table: GuestVa;
  readonly capacity: number;
  readonly protect: ReadonlySet<string>;
}

/** The toy's state words; `parked` is what a task does that was asked to. */
const states: Readonly<Record<number, TaskState>> = {
  1: "running",
  2: "queued",
  3: "sleeping",
  4: "stopped",
};
const parked = 4;
const systemFlag = 1;
/** Tasks come and go while we read; this often a scan starts over before it gives up. */
const scanTries = 5;

/** A running toy. */
export class ToyKernel implements GuestKernel {
  readonly description: GuestDescription;
  restarts = 0;
  readonly #facts: ToyFacts;
  /** Of every record that is in use: its index, and the process of its task. Kept, so that a scan allocates little. */
  readonly #used: Uint16Array;
  readonly #process: Int32Array;

  constructor(facts: ToyFacts) {
    this.#facts = facts;
    this.#used = new Uint16Array(facts.capacity);
    this.#process = new Int32Array(facts.capacity);
    this.description = {
      os: "toy",
      version: facts.version,
      evidence: ["the magic number in the header page", `layouts/${facts.version}.json`],
      capabilities: {
        hold: { can: true, how: "the hold word of the task record" },
        release: { can: true, how: "the hold word; the toy looks at it at each tick" },
        priority: { can: true, how: "the priority word of the task record" },
      },
    };
  }

  scan(into: SnapshotBuilder): void {
    for (let attempt = 1; ; attempt++) {
      this.#facts.space.flush();
      if (!isToy(this.#facts.space)) throw new VmmschedError("ERR_GUEST_CORRUPT", "the toy's header is gone");
      if (this.#tryScan(into)) return;
      if (attempt === scanTries)
        throw new VmmschedError("ERR_GUEST_CORRUPT", "the toy's tasks change faster than they can be read");
      this.restarts++;
      into.restartDomain();
    }
  }

  /** The toy knows no task that runs more often than most. */
  priorityOf(nice: number): number {
    return Math.max(0, nice);
  }

  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    this.#facts.space.flush();
    edit.begin(this.#facts.space);
    try {
      return this.#stage(change, edit);
    } catch (error) {
      const unreadable =
        isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") ||
        isVmmschedError(error, "ERR_FRAME_UNREADABLE");
      if (unreadable) return "unreadable";
      throw error;
    }
  }

  [Symbol.dispose](): void {
    // Nothing is kept open.
  }

  /** False when a task came or went under the scan. */
  #tryScan(into: SnapshotBuilder): boolean {
    let leader = -1;
    for (const index of this.#usedRecords()) {
      const process = this.#process[index] ?? 0;
      if (!this.#addTask(into, index, process !== leader)) return false;
      leader = process;
    }
    return true;
  }

  /** Indices of the records in use, process by process, first task first: a snapshot wants its rows in this order. */
  #usedRecords(): Uint16Array {
    const { space, layout, capacity } = this.#facts;
    let count = 0;
    for (let index = 0; index < capacity; index++) {
      const record = this.#record(index);
      if (space.i32(record, layout.id) === 0) continue;
      this.#process[index] = space.i32(record, layout.process);
      this.#used[count++] = index;
    }
    const process = (index: number) => this.#process[index] ?? 0;
    const id = (index: number) => space.i32(this.#record(index), layout.id);
    return this.#used.subarray(0, count).sort((a, b) => process(a) - process(b) || id(a) - id(b));
  }

  /** Fills a row; false when the record changed hands meanwhile. */
  #addTask(into: SnapshotBuilder, index: number, leader: boolean): boolean {
    const { space, layout, protect } = this.#facts;
    const record = this.#record(index);
    const { columns } = into;
    const id = space.i32(record, layout.id);
    const row = into.addTask();
    columns.id[row] = id;
    columns.process[row] = this.#process[index] ?? 0;
    columns.parent[row] = space.i32(record, layout.parent);
    columns.address[row] = record;
    columns.state[row] = taskStates.indexOf(this.#stateOf(record));
    columns.hold[row] = holdStates.indexOf(this.#holdOf(record));
    columns.cpu[row] = space.i32(record, layout.cpu);
    columns.priority[row] = space.i32(record, layout.priority);
    space.storeU64(record, layout.cpuTimeNs, columns.cpuTimeNs, row);
    space.storeU64(record, layout.startTimeNs, columns.startTimeNs, row);
    space.read(record, layout.name, columns.name.subarray(row * nameBytes, (row + 1) * nameBytes));
    columns.flags[row] =
      (this.#isSystem(record) ? taskFlags.kernel : 0) |
      (protect.has(this.#name(record)) ? taskFlags.untouchable : 0) |
      (leader ? taskFlags.leader : 0);
    return id !== 0 && space.i32(record, layout.id) === id;
  }

  #stage(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    const { space, layout, protect } = this.#facts;
    const { kind, address, id, startTimeNs } = change;
    if (!this.#isRecord(address)) return "gone";
    if (space.i32(address, layout.id) !== id || space.u64(address, layout.startTimeNs) !== startTimeNs)
      return "gone";
    if (this.#isSystem(address) || (kind === "hold" && protect.has(this.#name(address))))
      return "untouchable";
    if (space.u32(headerVa, header.lock) !== 0) return "lock held";
    const word = kind === "priority" ? layout.priority : layout.hold;
    const found = space.i32(address, word);
    const value = kind === "priority" ? change.priority : kind === "hold" ? 1 : 0;
    if (found === value) return "nothing to do";
    edit
      .expect32(headerVa, header.lock, 0)
      .expect32(address, layout.id, id)
      .expect32(address, word, found)
      .write32(address, word, value);
    return "planned";
  }

  #record(index: number): GuestVa {
    return vaOffset(this.#facts.table, index * this.#facts.layout.recordBytes);
  }

  /** Is this address the start of a record of our table? */
  #isRecord(address: GuestVa): boolean {
    const index = (address - this.#facts.table) / this.#facts.layout.recordBytes;
    return Number.isInteger(index) && index >= 0 && index < this.#facts.capacity;
  }

  #stateOf(record: GuestVa): TaskState {
    return states[this.#facts.space.u32(record, this.#facts.layout.state)] ?? "unknown";
  }

  /** Read from the guest alone, so that a new version of this profile sees what the one before it held. */
  #holdOf(record: GuestVa): HoldState {
    const { space, layout } = this.#facts;
    const isParked = space.u32(record, layout.state) === parked;
    if (space.u32(record, layout.hold) !== 0) return isParked ? "held" : "holding";
    return isParked ? "releasing" : "none";
  }

  #isSystem(record: GuestVa): boolean {
    return (this.#facts.space.u32(record, this.#facts.layout.flags) & systemFlag) !== 0;
  }

  #name(record: GuestVa): string {
    return this.#facts.space.cstring(record, this.#facts.layout.name, nameBytes);
  }
}
