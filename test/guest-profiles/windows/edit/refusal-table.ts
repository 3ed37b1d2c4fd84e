import assert from "node:assert/strict";
import type { Steps } from "../../../../native/simulated/windows/kernel.js";
import { linkTail, state, unlink } from "../../../native/simulated/windows/ready-lists.js";
import type { RawEdit } from "../../../native/simulated/windows/windows-view.js";
import type { EditableBuild } from "./campaign.js";
import type { EditedMachine } from "./edited-machine.js";

const unmapped = -(2 ** 40);
const userAddress = 0x7ff600001000;

export type Wanted = "hold" | "release" | number;
/** A state in which an edit is refused. */
export interface Refusal {
  readonly name: string;
  readonly break: (edit: RawEdit, thread: number, at: Places) => void;
  readonly said: string;
  /** What is refused; "release": of a thread that was parked before. */
  readonly wanted?: readonly Wanted[];
  readonly only?: EditableBuild;
}

/** What is broken, and how to find it. */
export class Places {
  readonly thread;
  readonly prcb;
  readonly apcState;
  /** As the profile has it. */
  readonly known;
  private readonly view;

  constructor({ view, kernel }: EditedMachine) {
    this.view = view;
    this.known = kernel.layout;
    this.thread = view.layout.thread;
    this.prcb = view.layout.prcb;
    this.apcState = view.layout.thread.ApcState;
  }

  /** KPRCB of the only processor. */
  get processor(): number {
    return this.view.guest.kernel.cpus[0]?.prcb ?? 0;
  }

  head(priority: number): number {
    return this.processor + this.prcb.DispatcherReadyListHead + 16 * priority;
  }

  get dispatcherLock(): number {
    return this.view.guest.kernel.symbol("KiDispatcherLock");
  }

  process(edit: RawEdit, thread: number): number {
    return edit.pointer(thread, this.thread.Process);
  }
}

const all: readonly Wanted[] = ["hold", "release", 5];
export const refusals: readonly Refusal[] = [
  {
    name: "a PrcbLock that is held",
    break: (edit, _thread, at) => edit.w32(at.processor, at.prcb.PrcbLock, 1),
    said: "lock held",
    wanted: all,
  },
  {
    name: "its ThreadLock",
    break: (edit, thread, at) => edit.w32(thread, at.known.KTHREAD.ThreadLock, 1),
    said: "lock held",
    wanted: all,
  },
  {
    name: "a dispatcher lock that a processor owns",
    break: (edit, _thread, at) => edit.w32(at.processor, at.prcb.LockQueue + 8, at.dispatcherLock + 2),
    said: "lock held",
    wanted: all,
    only: 6001,
  },
  {
    name: "a dispatcher lock that is taken",
    break: (edit, _thread, at) => edit.wPointer(at.dispatcherLock, 0, at.processor + at.prcb.LockQueue),
    said: "lock held",
    wanted: all,
    only: 6001,
  },
  {
    name: "the lock of its process",
    break: (edit, thread, at) => edit.w32(at.process(edit, thread), at.known.KPROCESS.ProcessLock, 1),
    said: "lock held",
    wanted: ["hold", "release"],
  },
  {
    name: "threads in a deferred ready list",
    break: (edit, thread, at) =>
      edit.wPointer(at.processor, at.prcb.DeferredReadyListHead, thread + at.thread.WaitListEntry),
    said: "wake-up under way",
    wanted: all,
  },
  {
    name: "a processor that has not saved it yet",
    break: (edit, thread, at) => edit.w8(thread, at.thread.Running, 1),
    said: "migrating",
    wanted: all,
  },
  {
    name: "a processor in kernel mode",
    break: ({ view }) => {
      const [cpu] = view.guest.kernel.cpus;
      assert.ok(cpu !== undefined);
      cpu.operation = oneStep();
    },
    said: "kernel mode",
    wanted: all,
  },
  {
    name: "a summary without the bit of its list",
    break: (edit, _thread, at) => edit.w32(at.processor, at.prcb.ReadySummary, 0),
    said: "queue inconsistent",
    wanted: ["hold", 5],
  },
  {
    name: "a summary with the bit of an empty list",
    break: (edit, _thread, at) =>
      edit.w32(at.processor, at.prcb.ReadySummary, edit.u32(at.processor, at.prcb.ReadySummary) | (1 << 20)),
    said: "queue inconsistent",
    wanted: all,
  },
  {
    name: "a list whose neighbours do not agree",
    break: (edit, thread, at) => edit.wPointer(thread, at.thread.WaitListEntry + 8, at.head(3)),
    said: "queue inconsistent",
    wanted: all,
  },
  {
    name: "a list that never comes back to its head",
    break: (edit, thread, at) => {
      edit.wPointer(thread, at.thread.WaitListEntry, thread + at.thread.WaitListEntry);
      edit.wPointer(thread, at.thread.WaitListEntry + 8, thread + at.thread.WaitListEntry);
    },
    said: "queue inconsistent",
    wanted: all,
  },
  {
    name: "a list that leads to user space",
    break: (edit, _thread, at) => edit.wPointer(at.head(8), 0, userAddress),
    said: "queue inconsistent",
    wanted: all,
  },
  {
    name: "a list that leads to memory that is not there",
    break: (edit, _thread, at) => edit.wPointer(at.head(8), 0, unmapped),
    said: "unreadable",
    wanted: all,
  },
  {
    name: "a list with a thread of another priority",
    break: (edit, thread, at) => edit.w8(thread, at.thread.Priority, 9),
    said: "queue inconsistent",
    wanted: ["hold", 5],
  },
  {
    name: "a list with a thread that is not ready",
    break: (edit, _thread, at) => edit.w8(other(edit), at.thread.State, state.Waiting),
    said: "queue inconsistent",
    wanted: all,
  },
  {
    name: "a list with what is no thread",
    break: (edit) => edit.w8(other(edit), 0, 5),
    said: "queue inconsistent",
    wanted: all,
  },
  {
    name: "a list with a thread of another processor",
    break: (edit, _thread, at) => edit.w8(other(edit), at.thread.NextProcessor, 3),
    said: "queue inconsistent",
    wanted: all,
  },
  {
    name: "a thread that is ready and in no list",
    break: unlink,
    said: "queue inconsistent",
    wanted: ["hold", 5],
  },
  {
    name: "a thread in the list of another priority, too",
    break: (edit, thread) => linkTail(edit, thread, 4),
    said: "queue inconsistent",
    wanted: ["hold", 5],
  },
  {
    name: "a process that is swapped out",
    break: (edit, thread, at) =>
      edit.w8(
        at.process(edit, thread),
        edit.view.layout.process.State,
        edit.u8(at.process(edit, thread), edit.view.layout.process.State) | 1,
      ),
    said: "migrating",
  },
  {
    name: "a parking list that is broken",
    break: (edit, thread, at) =>
      edit.wPointer(at.process(edit, thread), edit.view.layout.process.ReadyListHead, at.head(3)),
    said: "queue inconsistent",
    wanted: ["hold", "release"],
  },
  {
    name: "kernel APCs that it has disabled: it may hold a resource",
    break: (edit, thread, at) => edit.w32(thread, at.thread.KernelApcDisable, 0xffff),
    said: "kernel mode",
  },
  {
    name: "special APCs that it has disabled: it may hold a guarded mutex",
    break: (edit, thread, at) => edit.w32(thread, at.thread.KernelApcDisable, 0xffff_0000),
    said: "kernel mode",
  },
  {
    name: "a kernel APC under way in it",
    break: (edit, thread, at) => edit.w8(thread, at.apcState + 0x28, 1),
    said: "kernel mode",
  },
  {
    name: "a user APC that it is to take",
    break: (edit, thread, at) => edit.w8(thread, at.apcState + 0x2a, 1),
    said: "signal pending",
  },
  {
    name: "a system call in which it was preempted",
    break: (edit, thread, at) => edit.w8(edit.pointer(thread, at.thread.InitialStack) - 0x190, 0x2b, 2),
    said: "kernel mode",
  },
  {
    name: "a kernel stack that did not begin in user mode",
    break: (edit, thread, at) => edit.w8(edit.pointer(thread, at.thread.InitialStack) - 0x190, 0x170, 0x10),
    said: "kernel mode",
  },
  {
    name: "a wait at APC_LEVEL that is over: it may hold a fast mutex",
    break: (edit, thread, at) => {
      edit.w8(thread, at.thread.WaitReason, 6);
      edit.w8(thread, at.thread.WaitIrql, 1);
    },
    said: "kernel mode",
  },
  {
    name: "the address space of another process",
    break: (edit, thread, at) =>
      edit.wPointer(thread, at.apcState + 0x20, edit.view.guest.kernel.systemProcess),
    said: "kernel mode",
  },
  {
    name: "a process without which Windows stops",
    break: (edit, thread, at) => {
      const { Flags } = edit.view.layout.eprocess;
      edit.w32(at.process(edit, thread), Flags, 0x2000);
    },
    said: "untouchable",
    wanted: ["hold", 5],
  },
  {
    name: "a thread that is to end",
    break: (edit, thread) => edit.w32(thread, edit.view.layout.ethread.CrossThreadFlags, 1),
    said: "exiting",
    wanted: ["hold", 5],
  },
  {
    name: "a thread of the kernel",
    break: (edit, thread) => edit.w32(thread, edit.view.layout.ethread.CrossThreadFlags, 0x10),
    said: "untouchable",
    wanted: ["hold", 5],
  },
  {
    name: "a thread that is about to run",
    break: (edit, thread, at) => edit.w8(thread, at.thread.State, state.Standby),
    said: "wake-up under way",
    wanted: ["hold", 5],
  },
  { name: "a priority of real time", break: () => undefined, said: "untouchable", wanted: [16, 31] },
  { name: "the zero page thread's priority", break: () => undefined, said: "untouchable", wanted: [0] },
  {
    name: "a thread of real-time priority",
    break: (edit, thread, at) => edit.w8(thread, at.thread.BasePriority, 24),
    said: "untouchable",
    wanted: [5],
  },
];

function* oneStep(): Steps {
  yield "step";
}

function other(edit: RawEdit): number {
  return edit.view.thread("other.exe").address;
}
