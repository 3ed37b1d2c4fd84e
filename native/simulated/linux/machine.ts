import { vaFromBigInt, type Frame } from "../../../core/memory/address.js";
import { fiveLevelPaging, fourLevelPaging, type PagingMode } from "../../../core/memory/paging.js";
import type { Disk } from "../disk.js";
import type { Ram } from "../ram.js";
import type { Machine } from "../simulated-domain.js";
import { bootKernel } from "./boot.js";
import { EVTCHN_FIFO_LINKED, EVTCHN_FIFO_MASKED, EVTCHN_FIFO_PENDING } from "./constants.js";
import type { GuestConsole, PrintkOptions } from "./console.js";
import { enterCriticalSection } from "./critical-section.js";
import { copyProcess } from "./fork.js";
import { freezeProcess, writeFreeze } from "./freezer.js";
import type { KallsymsOrder } from "./kallsyms-image.js";
import { current, type Cpu, type Kernel } from "./kernel.js";
import { entity, task } from "./offsets.js";
import { setUserNice } from "./nice.js";
import { Oops } from "./oops.js";
import { Random } from "./random.js";
import { wakeUpNewTask } from "./schedule.js";
import { killGroup } from "./signal.js";
import type { ProcEntry, ProcStat, Thread } from "./thread.js";
import { runVcpu, wakesAtNs } from "./vcpu.js";
import { programOf, type Workload } from "./workload.js";

/** A process to start. */
export interface ProcessSpec {
  readonly comm: string;
  readonly workload: Workload;
  /** -20 to 19. */
  readonly nice?: number;
}

/** How to make a Linux machine. */
export interface LinuxOptions {
  readonly hostName: string;
  readonly pv: boolean;
  readonly vcpuCount: number;
  readonly seed: number;
  readonly fiveLevel: boolean;
  /** KASLR: image and direct map at random addresses. PV guests never have it. */
  readonly kaslr: boolean;
  /** Order of the symbol tables; a kernel may have none (CONFIG_KALLSYMS off). */
  readonly kallsyms: KallsymsOrder | "none";
  readonly processes: readonly ProcessSpec[];
  readonly disk: Disk | undefined;
  /** Host time at which it was made. */
  readonly createdNs: number;
}

const userTickNs = 1e7;
/** What a guest's clock shows when it is made. */
export const bootedNs = 5e9;

/** A running Linux 6.1: RAM with its structures, and a scheduler that goes by nothing else. */
export class LinuxMachine implements Machine {
  readonly paging: PagingMode;
  readonly kernel: Kernel;
  /** Guest time - host time. The guest's clock goes on while it is paused, as Xen's pvclock does. */
  readonly #clockOffsetNs: number;

  constructor(
    readonly ram: Ram,
    readonly options: LinuxOptions,
  ) {
    this.#clockOffsetNs = bootedNs - options.createdNs;
    this.paging = options.fiveLevel ? fiveLevelPaging : fourLevelPaging;
    this.kernel = bootKernel(ram, this.paging, options, {
      pageOffset: vaFromBigInt(options.fiveLevel ? 0xff11000000000000n : 0xffff888000000000n),
      vmallocBase: vaFromBigInt(options.fiveLevel ? 0xffa0000000000000n : 0xffffc90000000000n),
    });
    for (const spec of options.processes) this.spawn(spec);
  }

  get ended(): boolean {
    return this.kernel.panicked;
  }

  get console(): GuestConsole {
    return this.kernel.console;
  }

  run(vcpu: number, fromNs: number, toNs: number): number {
    const cpu = this.kernel.cpus[vcpu];
    if (cpu === undefined || this.kernel.panicked) return fromNs;
    cpu.nowNs = Math.max(cpu.nowNs, fromNs + this.#clockOffsetNs);
    try {
      return Math.max(fromNs, runVcpu(this.kernel, cpu, toNs + this.#clockOffsetNs) - this.#clockOffsetNs);
    } catch (error) {
      if (!(error instanceof Oops)) throw error;
      this.#panic(error.message);
      return toNs;
    }
  }

  wakesAtNs(vcpu: number): number {
    const cpu = this.kernel.cpus[vcpu];
    if (cpu === undefined || this.kernel.panicked) return Number.POSITIVE_INFINITY;
    return wakesAtNs(this.kernel, cpu) - this.#clockOffsetNs;
  }

  /** Leaves each vCPU with this probability inside a critical section. */
  stopSomewhere(probability: number): void {
    for (const cpu of this.kernel.cpus) {
      if (!this.kernel.panicked && this.kernel.random.chance(probability))
        enterCriticalSection(this.kernel, cpu);
    }
  }

  crash(): void {
    this.#panic("sysrq: Trigger a crash");
  }

  interrupt(apicId: number, vector: number): void {
    this.kernel.cpus.find((cpu) => cpu.apicId === apicId)?.vectors.add(vector);
  }

  /** Xen's side of a new port: the guest's event word for it starts out masked. */
  openEventPort(port: number): void {
    this.#setEventWord(port, EVTCHN_FIFO_MASKED);
  }

  /** evtchn_fifo_set_pending (xen/common/event_fifo.c): a port that is pending or masked is not delivered. */
  notifyEventPort(port: number): void {
    const array = this.kernel.memory.s64(this.kernel.image.address("event_array"), 0);
    const word = this.kernel.memory.u32(array, 4 * port);
    const has = (bit: number): boolean => Math.floor(word / bit) % 2 === 1;
    if (has(EVTCHN_FIFO_PENDING)) return;
    if (has(EVTCHN_FIFO_MASKED)) {
      this.#setEventWord(port, word + EVTCHN_FIFO_PENDING);
      return;
    }
    this.#setEventWord(port, word + EVTCHN_FIFO_PENDING + (has(EVTCHN_FIFO_LINKED) ? 0 : EVTCHN_FIFO_LINKED));
    const cpu = this.kernel.cpus[0];
    if (cpu !== undefined) cpu.upcall = true;
  }

  #setEventWord(port: number, value: number): void {
    this.kernel.memory.w32(
      this.kernel.memory.s64(this.kernel.image.address("event_array"), 0),
      4 * port,
      value,
    );
  }

  /** Registers of a vCPU. */
  registers(vcpu: number): { root: Frame; userMode: boolean; rip: number; gsBase: number } {
    const cpu = this.kernel.cpus[vcpu];
    if (cpu === undefined) throw new RangeError(`no vCPU ${String(vcpu)}`);
    const thread = this.#currentOn(cpu);
    const userMode = thread?.place === "user" && cpu.critical === undefined && cpu.spin === undefined;
    const rip = userMode
      ? 0x401615
      : this.kernel.image.address(thread === cpu.idle ? "default_idle" : "scheduler_tick") + 11;
    return { root: this.ram.frame(cpu.root), userMode, rip, gsBase: userMode ? 0 : cpu.area };
  }

  /** Undefined where the guest's memory is damaged: a vCPU has registers all the same. */
  #currentOn(cpu: Cpu): Thread | undefined {
    try {
      return current(this.kernel, cpu);
    } catch (error) {
      if (error instanceof Oops) return undefined;
      throw error;
    }
  }

  /** Starts a process, as an init system would; returns its pid. */
  spawn(spec: ProcessSpec): number {
    const { kernel } = this;
    const [cpu] = kernel.cpus;
    const init = kernel.initTask?.process.children.find((child) => child.pid === 1);
    if (cpu === undefined || init === undefined) throw new RangeError("the guest has no init");
    const thread = copyProcess(kernel, {
      comm: spec.comm,
      program: programOf(spec.workload, spec.comm),
      kind: "process",
      parent: init,
      nice: spec.nice ?? 0,
    });
    kernel.nowNs = Math.max(kernel.nowNs, cpu.nowNs);
    wakeUpNewTask(kernel, cpu, thread.va);
    return thread.pid;
  }

  /** kill -9 from inside the guest. */
  kill(pid: number): void {
    const [cpu] = this.kernel.cpus;
    const thread = this.#find(pid);
    if (cpu !== undefined && thread !== undefined) killGroup(this.kernel, cpu, thread);
  }

  /** Freezes or thaws a process by the guest's own cgroup-v2 freezer; `halfway`: its tasks have not been told yet. */
  freeze(pid: number, frozen: boolean, halfway = false): void {
    const [cpu] = this.kernel.cpus;
    const thread = this.#find(pid);
    if (cpu === undefined || thread === undefined) return;
    if (halfway) writeFreeze(this.kernel, thread.process, frozen);
    else freezeProcess(this.kernel, cpu, thread.process, frozen);
  }

  /** The kernel logs a line, or (with another facility) somebody writes one to /dev/kmsg. */
  printk(message: string, options: PrintkOptions = {}): void {
    this.kernel.console.print(message, options);
  }

  /** renice from inside the guest, of one thread. */
  renice(pid: number, nice: number): void {
    const thread = this.#find(pid);
    if (thread !== undefined) setUserNice(this.kernel, thread.va, nice);
  }

  /** Every thread that exists, from the simulation's own record. */
  processes(): readonly ProcEntry[] {
    return [...this.kernel.threads.values()]
      .filter((thread) => thread.pid !== 0)
      .map((thread) => ({
        pid: thread.pid,
        tgid: thread.leader.pid,
        comm: thread.comm,
        kernel: thread.kernel,
        address: thread.va,
        zombie: thread.place === "dead",
      }))
      .toSorted((a, b) => a.pid - b.pid);
  }

  /** The guest's own accounting of a thread; undefined when there is none with this pid. */
  procStat(pid: number): ProcStat | undefined {
    const thread = this.#find(pid);
    if (thread === undefined) return undefined;
    const { memory } = this.kernel;
    const runtime = memory.s64(thread.va + task.se, entity.sum_exec_runtime);
    const user = memory.s64(thread.va, task.utime);
    const total = user + memory.s64(thread.va, task.stime);
    const userNs = total === 0 ? runtime : (runtime * user) / total;
    return {
      comm: thread.comm,
      state: this.#stateLetter(thread),
      utimeTicks: Math.floor(userNs / userTickNs),
      stimeTicks: Math.floor((runtime - userNs) / userTickNs),
      sumExecRuntimeNs: runtime,
      nice: memory.u32(thread.va, task.static_prio) - 120,
    };
  }

  #find(pid: number): Thread | undefined {
    for (const thread of this.kernel.threads.values()) if (thread.pid === pid && pid !== 0) return thread;
    return undefined;
  }

  #stateLetter(thread: Thread): string {
    if (thread.place === "dead") return "Z";
    const state = this.kernel.memory.u32(thread.va, task.state);
    if (state === 0) return "R";
    if ((state & 0x402) === 0x402) return "I";
    return (state & 1) !== 0 ? "S" : "D";
  }

  #panic(message: string): void {
    this.kernel.panicked = true;
    this.kernel.console.complain(message);
    this.kernel.console.print("Kernel panic - not syncing: Fatal exception in interrupt");
  }
}

/** The random source of a machine, apart from that of the host. */
export function machineRandom(seed: number): Random {
  return new Random(seed ^ 0x5bd1e995);
}
