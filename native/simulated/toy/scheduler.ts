import type { GuestConsole } from "../linux/console.js";
import type { Random } from "../linux/random.js";
import { programOf, waitForever, type Program, type Workload } from "../linux/workload.js";
import { toyFlags, toyState } from "./structures.js";
import type { TaskTable } from "./task-table.js";

const tickNs = 10e6;

/** What of a task is not in RAM: its program, and how far it got. */
interface Execution {
  readonly program: Program;
  remainingNs: number;
  wakesNs: number;
}

interface Cpu {
  /** Slot of the task that runs here, or -1. */
  current: number;
  nextTickNs: number;
  /** Slot after which the search for the next task begins. */
  last: number;
}

/** A task as the toy sees it. */
export interface ToyTask {
  readonly id: number;
  readonly process: number;
  readonly name: string;
  readonly state: keyof typeof toyState;
  readonly system: boolean;
  readonly hold: number;
  readonly cpuTimeNs: number;
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

  holdWords(): readonly number[] {
    return Array.from({ length: this.table.capacity }, (_, slot) =>
      this.table.get(slot, this.table.record.hold),
    );
  }

  tasks(): readonly ToyTask[] {
    const { table } = this;
    const { record } = table;
    const used = Array.from({ length: table.capacity }, (_, slot) => slot).filter(
      (slot) => this.#id(slot) !== 0,
    );
    return used.map((slot) => ({
      id: this.#id(slot),
      process: table.get(slot, record.process),
      name: this.#name(slot),
      state: stateName(table.get(slot, record.state)),
      system: (table.get(slot, record.flags) & toyFlags.system) !== 0,
      hold: table.get(slot, record.hold),
      cpuTimeNs: table.get64(slot, record.cpuTimeNs),
    }));
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
    this.console.complain(`somebody asked ${this.#name(slot)} to park`);
    this.table.set(slot, this.table.record.hold, 0);
  }

  #wake(nowNs: number): void {
    for (let slot = 0; slot < this.table.capacity; slot++) {
      const sleeps = this.#id(slot) !== 0 && this.#state(slot) === toyState.sleeping;
      if (sleeps && (this.#executions[slot]?.wakesNs ?? 0) <= nowNs) this.#setState(slot, toyState.ready);
    }
  }

  #pick(cpu: Cpu, index: number): void {
    for (let i = 1; i <= this.table.capacity; i++) {
      const slot = (cpu.last + i) % this.table.capacity;
      if (this.#id(slot) === 0 || this.#state(slot) !== toyState.ready) continue;
      this.#setState(slot, toyState.running);
      this.table.set(slot, this.table.record.cpu, index);
      cpu.current = slot;
      cpu.last = slot;
      return;
    }
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
        this.#newTask(step.comm, step.program, this.table.get(slot, this.table.record.process), nowNs);
        return;
      case "fork":
        this.#newTask(step.comm, step.program, 0, nowNs);
        return;
      case "reap":
        return;
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
    this.#executions[slot] = { program, remainingNs: 0, wakesNs: 0 };
    return slot;
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

  #name(slot: number): string {
    const words = Uint32Array.from({ length: 4 }, (_, i) =>
      this.table.get(slot, this.table.record.name + 4 * i),
    );
    return Buffer.from(words.buffer).toString("latin1").replace(/\0.*$/s, "");
  }
}

function stateName(code: number): ToyTask["state"] {
  const found = Object.entries(toyState).find(([, value]) => value === code);
  return (found?.[0] ?? "sleeping") as ToyTask["state"];
}
