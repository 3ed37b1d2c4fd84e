import { threadState } from "./constants.js";
import { BugCheck } from "./bug-check.js";
import { currentThread, type Cpu, type Kernel } from "./kernel.js";
import { ownQueue, sharedQueue, type ReadyQueue } from "./ready-queue.js";
import { idleSummary, parkedState } from "./ready-thread.js";
import {
  affinityOf,
  attachedTo,
  cidOf,
  isOnProcessReadyList,
  priorityOf,
  processOf,
  stateOf,
} from "./thread.js";

/** Where each thread was found, by its address. */
type Places = Map<number, string[]>;

/**
 * Looks over all that the dispatcher keeps, as a debugger's extension would: that lists, summaries, states and processors
 * say the same. Returns what does not; nothing while a processor is in the midst of kernel code, when much is half done.
 */
export function checkDispatcher(kernel: Kernel): string[] {
  if (kernel.cpus.some((cpu) => cpu.operation !== undefined)) return [];
  const wrong: string[] = [];
  const places: Places = new Map();
  try {
    for (const cpu of kernel.cpus) checkProcessor(kernel, cpu, places, wrong);
    checkProcessLists(kernel, places, wrong);
    // Idle threads are in no list, and count as running even where another thread runs.
    const idle = new Set(kernel.cpus.map((cpu) => cpu.idle));
    for (const thread of kernel.executions.keys())
      if (!idle.has(thread)) checkThread(kernel, thread, places, wrong);
  } catch (error) {
    if (!(error instanceof BugCheck)) throw error;
    wrong.push(error.detail);
  }
  return wrong;
}

function checkProcessor(kernel: Kernel, cpu: Cpu, places: Places, wrong: string[]): void {
  const { memory, layout } = kernel;
  const own = ownQueue(kernel, cpu);
  checkQueue(kernel, own, `processor ${cpu.id}`, 1 << cpu.id, places, wrong);
  const shared = sharedQueue(kernel, cpu);
  if (shared?.va === cpu.prcb + layout.prcb.LocalSharedReadyQueue)
    checkQueue(kernel, shared, `the shared queue of processor ${cpu.id}`, -1, places, wrong);
  if (memory.s64(cpu.prcb, layout.prcb.DeferredReadyListHead) !== 0 && !cpu.dispatchRequested)
    wrong.push(`processor ${cpu.id} has deferred ready threads and does not know it`);
  const current = currentThread(kernel, cpu);
  add(places, current, "running");
  const next = memory.s64(cpu.prcb, layout.prcb.NextThread);
  if (next !== 0) add(places, next, "next");
  // KiSwapThread sets the bit where it finds nothing to run; an idle thread that was to come next gets by without.
  const isTold = (idleSummary(kernel) & (1 << cpu.id)) !== 0;
  const idles = next === 0 ? current === cpu.idle : next === cpu.idle;
  if (isTold && !idles) wrong.push(`KiIdleSummary is wrong about processor ${cpu.id}`);
  if (memory.u32(cpu.prcb, layout.prcb.PrcbLock) !== 0)
    wrong.push(`the PrcbLock of processor ${cpu.id} is held by nobody`);
}

function checkQueue(
  kernel: Kernel,
  queue: ReadyQueue,
  name: string,
  processors: number,
  places: Places,
  wrong: string[],
): void {
  const { memory, lists, layout } = kernel;
  let total = 0;
  for (let priority = 0; priority < 32; priority++) {
    const entries = lists.entries(queue.va + queue.heads + 16 * priority);
    total += entries.length;
    const bit = ((memory.u32(queue.va, queue.summary) >>> priority) & 1) !== 0;
    if (bit !== entries.length > 0)
      wrong.push(`ReadySummary of ${name} is wrong about list ${priority} of ${entries.length} threads`);
    for (const entry of entries) {
      const thread = entry - layout.thread.WaitListEntry;
      add(places, thread, "ready");
      if (!kernel.executions.has(thread)) continue;
      const who = `thread ${cidOf(kernel, thread)}, in list ${priority} of ${name},`;
      if (priorityOf(kernel, thread) !== priority)
        wrong.push(`${who} has priority ${priorityOf(kernel, thread)}`);
      const next = memory.u16(thread, layout.thread.NextProcessor);
      if ((processors & (1 << next)) === 0) wrong.push(`${who} has NextProcessor ${next}`);
      if ((affinityOf(kernel, thread) & processors) === 0) wrong.push(`${who} may not run there`);
    }
  }
  if (queue.count >= 0 && memory.u32(queue.va, queue.count) !== total)
    wrong.push(`ReadyThreadCount of ${name} is not ${total}`);
}

/** The ready lists of processes, and that their two lists of threads agree. */
function checkProcessLists(kernel: Kernel, places: Places, wrong: string[]): void {
  const { memory, lists, layout } = kernel;
  const processes = new Set([...kernel.executions.keys()].map((thread) => processOf(kernel, thread)));
  for (const process of processes) {
    const name = memory.text(process, layout.eprocess.ImageFileName, 15);
    for (const entry of lists.entries(process + layout.process.ReadyListHead)) {
      const thread = entry - layout.thread.WaitListEntry;
      add(places, thread, "parked");
      if (!kernel.executions.has(thread)) continue;
      if (attachedTo(kernel, thread) !== process)
        wrong.push(`a thread of another process is on the ready list of ${name}`);
    }
    const running = lists
      .entries(process + layout.process.ThreadListHead)
      .map((entry) => entry - layout.thread.ThreadListEntry);
    const all = lists
      .entries(process + layout.eprocess.ThreadListHead)
      .map((entry) => entry - layout.ethread.ThreadListEntry);
    const live = all.filter((thread) => stateOf(kernel, thread) !== threadState.Terminated);
    if (live.join() !== running.join()) wrong.push(`the two thread lists of ${name} disagree`);
    if (memory.u32(process, layout.eprocess.ActiveThreads) !== live.length)
      wrong.push(`ActiveThreads of ${name} is not ${live.length}`);
  }
}

/** Where a thread in each state has to be. */
function checkThread(kernel: Kernel, thread: number, places: Places, wrong: string[]): void {
  const state = stateOf(kernel, thread);
  const found = (places.get(thread) ?? []).join(" and ");
  const parked = isOnProcessReadyList(kernel, thread) || state === threadState.WaitingForProcessInSwap;
  const expected =
    parked && state === parkedState(kernel)
      ? "parked"
      : state === threadState.Ready
        ? "ready"
        : state === threadState.Running
          ? "running"
          : state === threadState.Standby
            ? "next"
            : "";
  // Who has been readied waits for a processor to look at its deferred ready list.
  if (found !== expected)
    wrong.push(
      `thread ${cidOf(kernel, thread)} of state ${state} is ${found === "" ? "nowhere" : found}, not ${expected === "" ? "in no list" : expected}`,
    );
}

function add(places: Places, thread: number, place: string): void {
  const found = places.get(thread);
  if (found === undefined) places.set(thread, [place]);
  else found.push(place);
}
