import type { Frame } from "../../../core/memory/address.js";
import { fourLevelPaging } from "../../../core/memory/paging.js";
import { windows10 } from "../layouts/windows-10.js";
import { windows7 } from "../layouts/windows-7.js";
import { windowsVista } from "../layouts/windows-vista.js";
import type { WindowsLayout } from "../layouts/windows.js";
import type { GuestConsole } from "../linux/console.js";
import type { Ram } from "../ram.js";
import type { Machine } from "../simulated-domain.js";
import { requestAct, type ThreadAct } from "./act.js";
import { bootedNs, bootKernel } from "./boot.js";
import { BugCheck } from "./bug-check.js";
import { checkDispatcher } from "./check.js";
import { kernelText } from "./image.js";
import { hideProcess, processes, threads, type WindowsProcess, type WindowsThread } from "./inspect.js";
import { currentThread, type Kernel } from "./kernel.js";
import { runProcessor, wakesAtNs } from "./processor.js";
import { startSession, startUserProcess, type WindowsProcessSpec } from "./session.js";
import { stopInKernel } from "./stop.js";

/** Vista SP1, 7 SP1 and 10 version 2004. */
export type WindowsBuild = 6001 | 7601 | 19041;

export const windowsLayouts: Readonly<Record<WindowsBuild, WindowsLayout>> = {
  6001: windowsVista,
  7601: windows7,
  19041: windows10,
};

/** How to make a Windows machine. */
export interface WindowsOptions {
  readonly hostName: string;
  readonly build: WindowsBuild;
  readonly vcpuCount: number;
  readonly seed: number;
  readonly processes: readonly WindowsProcessSpec[];
  /** Host time at which it was made. */
  readonly createdNs: number;
  /** The dispatcher's data are looked over whenever so much guest time has passed; 0 for never. @default a second */
  readonly checkEveryNs?: number;
}

const secondNs = 1e9;
/** DPC_VECTOR: the software interrupt at DISPATCH_LEVEL, as an interprocessor interrupt. */
const dispatchVector = 0x2f;
const userRip = 0x7ff600001234;

/** A running Windows: RAM with its structures, and a dispatcher that goes by nothing else. */
export class WindowsMachine implements Machine {
  readonly paging = fourLevelPaging;
  readonly kernel: Kernel;
  /** Guest time - host time. The guest's clock goes on while it is paused. */
  readonly #clockOffsetNs: number;
  readonly #checkEveryNs: number;
  #checkedNs = bootedNs;
  /** vCPUs that have been interrupted during a pause. */
  readonly #interrupted = new Set<number>();

  constructor(
    readonly ram: Ram,
    readonly options: WindowsOptions,
  ) {
    this.#clockOffsetNs = bootedNs - options.createdNs;
    this.#checkEveryNs = options.checkEveryNs ?? secondNs;
    this.kernel = bootKernel(ram, windowsLayouts[options.build], options);
    startSession(this.kernel);
    for (const spec of options.processes) startUserProcess(this.kernel, spec);
  }

  get ended(): boolean {
    return this.kernel.crashed;
  }

  get console(): GuestConsole {
    return this.kernel.console;
  }

  run(vcpu: number, fromNs: number, toNs: number): number {
    const cpu = this.kernel.cpus[vcpu];
    if (cpu === undefined || this.kernel.crashed) return fromNs;
    cpu.nowNs = Math.max(cpu.nowNs, fromNs + this.#clockOffsetNs);
    try {
      const untilNs = runProcessor(this.kernel, cpu, toNs + this.#clockOffsetNs);
      this.#checkNowAndThen(untilNs);
      return Math.max(fromNs, untilNs - this.#clockOffsetNs);
    } catch (error) {
      if (!(error instanceof BugCheck)) throw error;
      this.#die(error);
      return toNs;
    }
  }

  wakesAtNs(vcpu: number): number {
    const cpu = this.kernel.cpus[vcpu];
    if (cpu === undefined || this.kernel.crashed) return Number.POSITIVE_INFINITY;
    return wakesAtNs(this.kernel, cpu) - this.#clockOffsetNs;
  }

  /** Leaves one of its vCPUs with this probability in the midst of the dispatcher. */
  stopSomewhere(probability: number): void {
    if (this.kernel.crashed || !this.kernel.random.chance(probability)) return;
    try {
      stopInKernel(this.kernel);
    } catch (error) {
      if (!(error instanceof BugCheck)) throw error;
      this.#die(error);
    }
  }

  /** Every process but Idle that has not been deleted; hidden ones too. */
  processes(): readonly WindowsProcess[] {
    return processes(this.kernel);
  }

  /** Every thread but the idle ones. */
  threads(): readonly WindowsThread[] {
    return threads(this.kernel);
  }

  /** Starts a process; returns its id. */
  spawn(spec: WindowsProcessSpec): number {
    return startUserProcess(this.kernel, spec);
  }

  /** Unlinks a process from the list of processes, as a rootkit does. */
  hide(pid: number): void {
    const process = this.processes().find((one) => one.pid === pid);
    if (process !== undefined) hideProcess(this.kernel, process.address);
  }

  /** Has the guest's own kernel do something to a thread, at the next chance. */
  request(tid: number, act: ThreadAct): void {
    const thread = this.threads().find((one) => one.tid === tid);
    if (thread !== undefined) requestAct(this.kernel, thread.address, act);
  }

  /** What its dispatcher's data contradict, if anything. */
  check(): readonly string[] {
    return checkDispatcher(this.kernel);
  }

  crash(): void {
    this.#die(new BugCheck("MANUALLY_INITIATED_CRASH", "somebody asked for it"));
  }

  interrupt(apicId: number, vector: number): void {
    const cpu = this.kernel.cpus[apicId];
    if (cpu === undefined) return;
    if (vector !== dispatchVector) {
      this.console.complain(`unexpected interrupt ${vector} on processor ${apicId}`);
      return;
    }
    cpu.dispatchRequested = true;
    this.#interrupted.add(apicId);
  }

  resume(nowNs: number): void {
    for (const vcpu of this.#interrupted) {
      const cpu = this.kernel.cpus[vcpu];
      if (cpu === undefined) continue;
      cpu.dispatchRequested = true;
      this.run(vcpu, nowNs, nowNs + 1);
    }
    this.#interrupted.clear();
  }

  openEventPort(): void {
    // It uses no event channels.
  }

  notifyEventPort(): void {
    // It uses no event channels.
  }

  /** Registers of a vCPU. The GS base is the kernel's, as in native/xen: in user mode what KERNEL_GS_BASE holds. */
  registers(vcpu: number): { root: Frame; userMode: boolean; rip: number; gsBase: number } {
    const { kernel } = this;
    const cpu = kernel.cpus[vcpu];
    if (cpu === undefined) throw new RangeError(`no vCPU ${vcpu}`);
    const thread = currentThread(kernel, cpu);
    const execution = kernel.executions.get(thread);
    const userMode = cpu.operation === undefined && execution?.place === "user";
    const rip = userMode ? userRip : kernelText(kernel.layout);
    return { root: this.ram.frame(cpu.root), userMode, rip, gsBase: cpu.pcr };
  }

  /** CR8 of a vCPU. */
  irql(vcpu: number): number {
    return this.kernel.cpus[vcpu]?.irql ?? 0;
  }

  #checkNowAndThen(nowNs: number): void {
    if (this.#checkEveryNs === 0 || nowNs - this.#checkedNs < this.#checkEveryNs) return;
    this.#checkedNs = nowNs;
    for (const complaint of checkDispatcher(this.kernel)) this.console.complain(complaint);
  }

  #die(bugCheck: BugCheck): void {
    this.kernel.crashed = true;
    this.console.complain(bugCheck.message);
  }
}
