import {
  nameBytes,
  schedulingPolicies,
  taskFlags,
  taskStates,
  type StructCursor,
  type TaskColumns,
} from "vmmsched/plugin-api";
import type { Clocks } from "../clocks.js";
import { BreakOnTermination, LOW_REALTIME_PRIORITY, systemProcessId } from "../constants.js";
import type { WindowsLayout } from "../layout.js";
import { stateCode } from "./thread-state.js";

/** Length of EPROCESS.ImageFileName: the last byte of the column is none of it. */
const imageNameBytes = 15;
const [dynamic, realTime] = [schedulingPolicies.indexOf("other"), schedulingPolicies.indexOf("rr")];
const exited = taskStates.indexOf("exited");

/**
 * NextProcessor has 16 bits in Vista, where DeferredProcessor follows it. Later bit 31 says in some builds that the thread is
 * on a queue that processors share.
 */
const processorMask = { short: 0xffff, long: 0x7fffffff } as const;

/** Writes rows of a snapshot: threads, and processes that have none any more. */
export class ThreadRows {
  readonly #processorMask: number;
  /** Of the process whose rows are written. */
  readonly #name = new Uint8Array(nameBytes);
  readonly #times = new Float64Array(1);
  #pid = 0;
  #parent = 0;
  #flags = 0;

  constructor(
    private readonly layout: WindowsLayout,
    private readonly clocks: Clocks,
  ) {
    const { KTHREAD } = layout;
    const isShort = KTHREAD.DeferredProcessor === KTHREAD.NextProcessor + 2;
    this.#processorMask = isShort ? processorMask.short : processorMask.long;
  }

  /** The rows that follow are those of `process`. */
  begin(process: StructCursor, hidden: boolean): void {
    const { EPROCESS } = this.layout;
    this.#pid = process.i32(EPROCESS.UniqueProcessId);
    this.#parent = process.i32(EPROCESS.InheritedFromUniqueProcessId);
    let ended = false;
    for (let i = 0; i < nameBytes; i++) {
      const byte: number = ended || i === imageNameBytes ? 0 : process.u8(EPROCESS.ImageFileName + i);
      ended ||= byte === 0;
      this.#name[i] = byte;
    }
    // Without user space: System, Registry, Memory Compression. Programs have no threads in them.
    const isKernel = process.i32(EPROCESS.Peb) === 0 && process.i32(EPROCESS.Peb + 4) === 0;
    const isCritical = (process.i32(EPROCESS.Flags) & BreakOnTermination) !== 0;
    const untouchable = isKernel || isCritical || this.#pid === systemProcessId;
    this.#flags =
      (isKernel ? taskFlags.kernel : 0) |
      (untouchable ? taskFlags.untouchable : 0) |
      (hidden ? taskFlags.hidden : 0);
  }

  /** `leader`: it is the first of its process's rows. */
  write(thread: StructCursor, leader: boolean, columns: TaskColumns, row: number): void {
    const { KTHREAD, ETHREAD } = this.layout;
    columns.id[row] = thread.i32(ETHREAD["Cid.UniqueThread"]);
    columns.state[row] = stateCode(thread, this.layout);
    columns.cpu[row] = thread.i32(KTHREAD.NextProcessor) & this.#processorMask;
    const priority = thread.u8(KTHREAD.BasePriority);
    columns.priority[row] = priority;
    columns.scheduling[row] = priority < LOW_REALTIME_PRIORITY ? dynamic : realTime;
    this.clocks.storeTime(thread, ETHREAD.CreateTime, columns.startTimeNs, row);
    this.#storeCpuTime(thread, columns, row);
    this.#storeProcess(thread, leader, columns, row);
  }

  /** Of a process that has exited, by the process itself: its id is no thread's. */
  writeExited(process: StructCursor, columns: TaskColumns, row: number): void {
    const { EPROCESS, KPROCESS } = this.layout;
    columns.id[row] = this.#pid;
    columns.state[row] = exited;
    columns.cpu[row] = 0;
    columns.priority[row] = process.u8(KPROCESS.BasePriority);
    columns.cpuTimeNs[row] = this.#ticksOf(process, KPROCESS) * this.clocks.tickNs;
    this.clocks.storeTime(process, EPROCESS.CreateTime, columns.startTimeNs, row);
    this.#storeProcess(process, true, columns, row);
    columns.flags[row] = (columns.flags[row] ?? 0) | taskFlags.untouchable;
  }

  #storeProcess(object: StructCursor, leader: boolean, columns: TaskColumns, row: number): void {
    columns.process[row] = this.#pid;
    columns.parent[row] = Math.max(0, this.#parent);
    columns.flags[row] = this.#flags | (leader ? taskFlags.leader : 0);
    columns.hold[row] = 0;
    object.storeAddress(columns.address, row);
    for (let i = 0; i < nameBytes; i++) columns.name[row * nameBytes + i] = this.#name[i] ?? 0;
  }

  /** By its cycles where their length is known: ticks are charged to whom the clock interrupt meets. */
  #storeCpuTime(thread: StructCursor, { cpuTimeNs }: TaskColumns, row: number): void {
    const { KTHREAD } = this.layout;
    const { cyclesPerUs, tickNs } = this.clocks;
    if (cyclesPerUs === undefined) {
      cpuTimeNs[row] = this.#ticksOf(thread, KTHREAD) * tickNs;
      return;
    }
    thread.storeU64(KTHREAD.CycleTime, this.#times, 0);
    cpuTimeNs[row] = Math.round(((this.#times[0] ?? 0) * 1000) / cyclesPerUs);
  }

  #ticksOf(object: StructCursor, at: { readonly KernelTime: number; readonly UserTime: number }): number {
    return (object.i32(at.KernelTime) >>> 0) + (object.i32(at.UserTime) >>> 0);
  }
}
