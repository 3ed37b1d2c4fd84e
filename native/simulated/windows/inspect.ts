import { pageBytes } from "../../../core/memory/address.js";
import { BreakOnTermination, cyclesPerNs, dispatcherHeader, threadState } from "./constants.js";
import type { Kernel } from "./kernel.js";
import { cidOf, priorityOf, processOf, stateOf } from "./thread.js";

/** A thread as the guest's own kernel has it. */
export interface WindowsThread {
  readonly tid: number;
  readonly pid: number;
  /** Of its ETHREAD. */
  readonly address: number;
  readonly state: keyof typeof threadState;
  readonly priority: number;
  readonly basePriority: number;
  readonly nextProcessor: number;
  /** CycleTime, as time. */
  readonly cpuTimeNs: number;
  /** Clock ticks of 15.625 ms that found it running. */
  readonly kernelTicks: number;
  readonly userTicks: number;
  readonly contextSwitches: number;
}

/** A process as the guest's own kernel has it. */
export interface WindowsProcess {
  readonly pid: number;
  readonly name: string;
  /** Of its EPROCESS. */
  readonly address: number;
  /** Page frame of its page-table root. */
  readonly root: number;
  /** It is in the list behind PsActiveProcessHead. */
  readonly listed: boolean;
  /** It has no threads any more, but somebody has a handle. */
  readonly exited: boolean;
  /** Windows stops with it. */
  readonly critical: boolean;
  /** Of all its threads, those that are gone too. */
  readonly cpuTimeNs: number;
}

/** Every thread but the idle ones, from the simulation's own record, in order of ids. */
export function threads(kernel: Kernel): WindowsThread[] {
  const { memory, layout } = kernel;
  const { thread: tcb } = layout;
  return [...kernel.executions.keys()]
    .filter((thread) => cidOf(kernel, thread) !== 0)
    .map((thread) => ({
      tid: cidOf(kernel, thread),
      pid: memory.s64(processOf(kernel, thread), layout.eprocess.UniqueProcessId),
      address: thread,
      state: stateName(stateOf(kernel, thread)),
      priority: priorityOf(kernel, thread),
      basePriority: memory.s8(thread, tcb.BasePriority),
      nextProcessor: memory.u16(thread, tcb.NextProcessor),
      cpuTimeNs: memory.s64(thread, tcb.CycleTime) / cyclesPerNs,
      kernelTicks: memory.u32(thread, tcb.KernelTime),
      userTicks: memory.u32(thread, tcb.UserTime),
      contextSwitches: memory.u32(thread, tcb.ContextSwitches),
    }))
    .toSorted((a, b) => a.tid - b.tid);
}

/** Every process but Idle that has not been deleted, from the simulation's own record, in order of ids. */
export function processes(kernel: Kernel): WindowsProcess[] {
  const { memory, layout } = kernel;
  const listed = new Set(
    kernel.lists
      .entries(kernel.symbol("PsActiveProcessHead"))
      .map((links) => links - layout.eprocess.ActiveProcessLinks),
  );
  return [kernel.systemProcess, ...kernel.spaces.keys()]
    .map((process) => ({
      pid: memory.s64(process, layout.eprocess.UniqueProcessId),
      name: memory.text(process, layout.eprocess.ImageFileName, 15),
      address: process,
      root: memory.s64(process, layout.process.DirectoryTableBase) / pageBytes,
      listed: listed.has(process),
      exited: memory.u32(process, dispatcherHeader.SignalState) !== 0,
      critical: (memory.u32(process, layout.eprocess.Flags) & BreakOnTermination) !== 0,
      cpuTimeNs: memory.s64(process, layout.process.CycleTime) / cyclesPerNs,
    }))
    .toSorted((a, b) => a.pid - b.pid);
}

/** What a rootkit does: takes a process out of the list of processes. It goes on running. */
export function hideProcess(kernel: Kernel, process: number): void {
  const links = process + kernel.layout.eprocess.ActiveProcessLinks;
  kernel.lists.RemoveEntryList(links);
  kernel.lists.InitializeListHead(links);
}

function stateName(state: number): WindowsThread["state"] {
  const found = Object.entries(threadState).find(([, value]) => value === state);
  return (found?.[0] ?? "Initialized") as WindowsThread["state"];
}
