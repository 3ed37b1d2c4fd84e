import type { Frame } from "../../../core/memory/address.js";
import { pageBytes } from "../../../core/memory/address.js";
import { fourLevelPaging } from "../../../core/memory/paging.js";
import { GuestConsole } from "../linux/console.js";
import type { ProcessSpec } from "../linux/machine.js";
import { PageAllocator } from "../linux/page-allocator.js";
import { PageTables } from "../linux/page-tables.js";
import { Random } from "../linux/random.js";
import type { Ram } from "../ram.js";
import type { Machine } from "../simulated-domain.js";
import { ToyScheduler } from "./scheduler.js";
import { header, headerVa, magic, taskRecords, type ToyVersion } from "./structures.js";
import { TaskTable } from "./task-table.js";
import type { ToyTask } from "./toy-task.js";

export type { ToyTask } from "./toy-task.js";

/** How to make a toy. */
export interface ToyOptions {
  readonly pv: boolean;
  readonly vcpuCount: number;
  readonly seed: number;
  readonly version: ToyVersion;
  readonly processes: readonly ProcessSpec[];
  /** Host time at which it was made. */
  readonly createdNs: number;
}

const capacity = 256;
/** PFNs below this one are the firmware's. */
const firstPage = 16;

/**
 * A toy operating system: real page tables, the structures of structures.ts, and a round-robin scheduler that goes by
 * nothing else. It is small enough to write a guest profile for it in an hour.
 */
export class ToyMachine implements Machine {
  readonly paging = fourLevelPaging;
  readonly console: GuestConsole;
  readonly #root: Frame;
  /** PFN of the header page. */
  readonly #header: number;
  readonly #scheduler: ToyScheduler;
  #nowNs: number;
  #ended = false;
  /** Open words while the scheduler's lock is held: who is outside must leave them alone then. */
  #locked: readonly number[] | undefined;

  constructor(
    private readonly ram: Ram,
    private readonly options: ToyOptions,
  ) {
    const random = new Random(options.seed);
    const allocator = new PageAllocator(ram, firstPage, random);
    const tables = new PageTables(ram, this.paging, allocator, options.pv);
    const root = tables.newRoot();
    this.#root = ram.frame(root);
    this.#header = allocator.zeroedPage();
    tables.map(root, headerVa, this.#header);
    const table = new TaskTable(ram, taskRecords[options.version], capacity, { allocator, tables, root });
    this.#nowNs = options.createdNs;
    this.console = new GuestConsole(() => this.#nowNs - options.createdNs);
    this.#scheduler = new ToyScheduler(table, options.vcpuCount, random, this.console);
    this.#setHeader(0, magic[0]);
    this.#setHeader(4, magic[1]);
    this.#setHeader(header.version, options.version);
    this.#setHeader(header.table, table.va >>> 0);
    this.#setHeader(header.table + 4, Math.floor(table.va / 2 ** 32));
    this.#setHeader(header.capacity, capacity);
    this.#scheduler.startSystem();
    for (const { comm, workload } of options.processes) this.#scheduler.start(comm, workload);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Its tasks, as it sees them itself. */
  tasks(): readonly ToyTask[] {
    return this.#scheduler.tasks();
  }

  /** What an administrator does inside: all threads of this process get this priority. */
  setPriority(process: number, priority: number): void {
    this.#scheduler.setPriority(process, priority);
  }

  run(vcpu: number, fromNs: number, toNs: number): number {
    if (this.#ended) return fromNs;
    this.#unlock();
    this.#setHeader(header.up, 1);
    this.#nowNs = Math.max(this.#nowNs, fromNs);
    const { createdNs } = this.options;
    return this.#scheduler.run(vcpu, fromNs - createdNs, toNs - createdNs) + createdNs;
  }

  wakesAtNs(vcpu: number): number {
    return this.#ended ? Number.POSITIVE_INFINITY : this.#scheduler.wakesAtNs(vcpu) + this.options.createdNs;
  }

  /** With this probability time stops while a CPU is in the scheduler. */
  stopSomewhere(probability: number): void {
    this.#unlock();
    if (this.#ended || !this.#scheduler.chance(probability)) return;
    this.#setHeader(header.lock, 1);
    this.#locked = this.#scheduler.openWords();
  }

  registers(): { root: Frame; userMode: boolean; rip: number; gsBase: number } {
    return { root: this.#root, userMode: false, rip: headerVa, gsBase: 0 };
  }

  interrupt(_apicId: number, vector: number): void {
    this.console.complain(`unexpected interrupt ${String(vector)}`);
  }

  crash(): void {
    this.#ended = true;
  }

  openEventPort(): void {
    // It uses no event channels.
  }

  notifyEventPort(): void {
    // It uses no event channels.
  }

  /** The CPU leaves the scheduler. */
  #unlock(): void {
    if (this.#locked === undefined) return;
    const now = this.#scheduler.openWords();
    if (now.some((word, slot) => word !== this.#locked?.[slot]))
      this.console.complain("a hold or priority word changed under the scheduler's lock");
    this.#locked = undefined;
    this.#setHeader(header.lock, 0);
  }

  #setHeader(offset: number, value: number): void {
    this.ram.words[(this.#header * pageBytes + offset) / 4] = value;
  }
}
