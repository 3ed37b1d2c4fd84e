import type { GuestConsole } from "../linux/console.js";
import type { Random } from "../linux/random.js";
import { programOf, waitForever, type Program, type Workload } from "../linux/workload.js";
import { toyFlags, toyState } from "./structures.js";
import type { TaskTable } from "./task-table.js";
import { nameIn, tasksIn, type ToyTask } from "./toy-task.js";

const tickNs = 10e6;
/** A greater one counts as this. */
const greatestPriority = 19;

/** What of a task is not in RAM: its program, and how far it got. */
interface Execution {
  readonly program: Program;
  remainingNs: number;
  wakesNs: number;
  /** How often it has been passed over since it ran last. */
  passedOver: number;
}

interface Cpu {
  /** Slot of the task that runs here, or -1. */
  current: number;
  nextTickNs: number;
  /** Slot after which the search for the next task begins. */
  last: number;
}

/** The toy's scheduler: round robin, a tick each 10 ms. Who runs, waits or parks follows from the task records alone. */
export class ToyScheduler {
  readonly #cpus: readonly Cpu[];
  readonly #executions: (Execution | undefined)[] = [];
  #nextId = 1;

  constructor(
    private readonly table: TaskTable,
    cpuCount: number,
    private readonly random: Random,
    private readonly console: GuestConsole,
  ) {
    this.#cpus = Array.from({ length: cpuCount }, () => ({ current: -1, nextTickNs: 0, last: 0 }));
  }

  /** Task 1 is the system's own. It is never parked. */
  startSystem(): void {
    const slot = this.#newTask("system", waitForever(), 0, 0);
    this.table.set(slot, this.table.record.flags, toyFlags.system);
  }

  start(name: string, workload: Workload): void {
    this.#newTask(name, programOf(workload, name), 0, 0);
  }

  chance(probability: number): boolean {
    return this.random.chance(probability);
  }

  /** Of each record, the words that are there for whoever is outside. */
  openWords(): readonly number[] {
    const { hold, priority } = this.table.record;
    return Array.from({ length: 2 * this.table.capacity }, (_, i) =>
      this.table.get(i >> 1, i % 2 === 0 ? hold : priority),
    );
  }

  /** What an administrator does inside: all threads of this process get this priority. */
  setPriority(process: number, priority: number): void {
    for (let slot = 0; slot < this.table.capacity; slot++)
      if (this.#id(slot) !== 0 && this.table.get(slot, this.table.record.process) === process)
        this.table.set(slot, this.table.record.priority, priority);
  }

  tasks(): readonly ToyTask[] {
    return tasksIn(this.table);
  }

  /** Runs a CPU between two moments; returns when it halted, or `toNs`. */
  run(index: number, fromNs: number, toNs: number): number {
    const cpu = this.#cpus[index];
    if (cpu === undefined) return fromNs;
    let nowNs = fromNs;
    while (nowNs < toNs) {
      if (cpu.nextTickNs <= nowNs) this.#tick(cpu, nowNs);
      this.#wake(nowNs);
      if (cpu.current < 0) this.#pick(cpu, index);
      if (cpu.current < 0) return nowNs;
      nowNs = this.#runCurrent(cpu, nowNs, Math.min(toNs, cpu.nextTickNs));
    }
    return nowNs;
  }

  wakesAtNs(index: number): number {
    const cpu = this.#cpus[index];
    if (cpu === undefined) return Number.POSITIVE_INFINITY;
    let earliest = cpu.current >= 0 ? 0 : cpu.nextTickNs;
    for (let slot = 0; slot < this.table.capacity; slot++) {
      const state = this.#id(slot) === 0 ? 0 : this.#state(slot);
      if (state === toyState.ready) return 0;
      if (state === toyState.sleeping)
        earliest = Math.min(earliest, this.#executions[slot]?.wakesNs ?? earliest);
    }
    return earliest;
  }

  /** Parks tasks that are asked to, lets the others go, and ends the turn of the one that runs here. */
  #tick(cpu: Cpu, nowNs: number): void {
    cpu.nextTickNs = nowNs + tickNs;
    if (cpu.current >= 0) this.#setState(cpu.current, toyState.ready);
    cpu.current = -1;
    for (let slot = 0; slot < this.table.capacity; slot++) {
      const asked = this.#id(slot) !== 0 && this.table.get(slot, this.table.record.hold) !== 0;
      if (asked && this.#isSystem(slot)) this.#refuse(slot);
      else if (asked && this.#state(slot) !== toyState.running) this.#setState(slot, toyState.parked);
      else if (!asked && this.#state(slot) === toyState.parked) {
        const wakesNs = this.#executions[slot]?.wakesNs ?? 0;
        this.#setState(slot, wakesNs > nowNs ? toyState.sleeping : toyState.ready);
      }
    }
  }

  #refuse(slot: number): void {
    this.console.complain(`somebody asked ${nameIn(this.table, slot)} to park`);
    this.table.set(slot, this.table.record.hold, 0);
  }

  #wake(nowNs: number): void {
    for (let slot = 0; slot < this.table.capacity; slot++) {
      const sleeps = this.#id(slot) !== 0 && this.#state(slot) === toyState.sleeping;
      if (sleeps && (this.#executions[slot]?.wakesNs ?? 0) <= nowNs) this.#setState(slot, toyState.ready);
    }
  }

  /** The next one in turn; one with a priority of n is passed over n times first, but for when there is no other. */
  #pick(cpu: Cpu, index: number): void {
    for (let left = this.#readyCount() * (greatestPriority + 1), i = 1; left > 0; i++) {
      const slot = (cpu.last + i) % this.table.capacity;
      if (this.#id(slot) === 0 || this.#state(slot) !== toyState.ready) continue;
      left--;
      const execution = this.#executions[slot];
      const passes = Math.min(this.table.get(slot, this.table.record.priority), greatestPriority);
      if (execution !== undefined && execution.passedOver++ < passes) continue;
      if (execution !== undefined) execution.passedOver = 0;
      this.#setState(slot, toyState.running);
      this.table.set(slot, this.table.record.cpu, index);
      cpu.current = slot;
      cpu.last = slot;
      return;
    }
  }

  #readyCount(): number {
    let count = 0;
    for (let slot = 0; slot < this.table.capacity; slot++)
      if (this.#id(slot) !== 0 && this.#state(slot) === toyState.ready) count++;
    return count;
  }

  /** Lets the current task run until its step ends, or `untilNs`; returns when. */
  #runCurrent(cpu: Cpu, nowNs: number, untilNs: number): number {
    const slot = cpu.current;
    const execution = this.#executions[slot];
    if (execution === undefined) throw new RangeError(`no task has slot ${String(slot)}`);
    if (execution.remainingNs <= 0) {
      this.#nextStep(cpu, slot, execution, nowNs);
      return nowNs;
    }
    const endNs = Math.min(untilNs, nowNs + execution.remainingNs);
    execution.remainingNs -= endNs - nowNs;
    const { cpuTimeNs } = this.table.record;
    this.table.set64(slot, cpuTimeNs, this.table.get64(slot, cpuTimeNs) + endNs - nowNs);
    return endNs;
  }

  #nextStep(cpu: Cpu, slot: number, execution: Execution, nowNs: number): void {
    const step = execution.program.next(nowNs, this.random);
    switch (step.kind) {
      case "run":
      case "system":
        execution.remainingNs = Math.max(1, Math.round(step.ns));
        return;
      case "sleep":
        execution.wakesNs = nowNs + Math.round(step.ns);
        this.#setState(slot, toyState.sleeping);
        cpu.current = -1;
        return;
      case "thread":
        this.#inherit(
          slot,
          this.#newTask(step.comm, step.program, this.table.get(slot, this.table.record.process), nowNs),
          this.table.record.parent,
        );
        return;
      case "fork":
        this.#fork(slot, this.#newTask(step.comm, step.program, 0, nowNs));
        return;
      case "reap":
        return;
      // It has no disk.
      case "write":
      case "exit":
        this.table.clear(slot);
        this.#executions[slot] = undefined;
        cpu.current = -1;
    }
  }

  /** Starts a task of this process, or (0) of a new one; returns its slot. */
  #newTask(name: string, program: Program, process: number, nowNs: number): number {
    const { table } = this;
    const { record } = table;
    let slot = 0;
    while (slot < table.capacity && this.#id(slot) !== 0) slot++;
    if (slot === table.capacity) throw new RangeError("the toy has no room for more tasks");
    const id = this.#nextId++;
    table.set(slot, record.process, process === 0 ? id : process);
    table.set(slot, record.state, toyState.ready);
    table.set64(slot, record.startTimeNs, nowNs);
    const bytes = new Uint8Array(16);
    bytes.set(Buffer.from(name, "latin1").subarray(0, 15));
    new Uint32Array(bytes.buffer).forEach((word, i) => {
      table.set(slot, record.name + 4 * i, word);
    });
    // Last: with its id the record counts.
    table.set(slot, record.id, id);
    this.#executions[slot] = { program, remainingNs: 0, wakesNs: 0, passedOver: 0 };
    return slot;
  }

  /** A new process, whose parent is that of the task in `slot`. */
  #fork(slot: number, child: number): void {
    const { parent, process } = this.table.record;
    this.#inherit(slot, child);
    this.table.set(child, parent, this.table.get(slot, process));
  }

  /** A new task has the priority of the one that starts it; a thread also its parent. */
  #inherit(slot: number, child: number, ...more: readonly number[]): void {
    for (const word of [this.table.record.priority, ...more])
      this.table.set(child, word, this.table.get(slot, word));
  }

  #id(slot: number): number {
    return this.table.get(slot, this.table.record.id);
  }

  #state(slot: number): number {
    return this.table.get(slot, this.table.record.state);
  }

  #setState(slot: number, state: number): void {
    this.table.set(slot, this.table.record.state, state);
  }

  #isSystem(slot: number): boolean {
    return (this.table.get(slot, this.table.record.flags) & toyFlags.system) !== 0;
  }
}
