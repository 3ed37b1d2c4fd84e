import { assertKernel } from "./bug-check.js";
import { cyclesPerNs, irql, threadState } from "./constants.js";
import { currentThread, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { acquire, release } from "./lock.js";
import { isVista } from "./object.js";
import { ownQueue, queueReadyThread, selectReadyThread, sharedQueue } from "./ready-queue.js";
import { checkStandby, insertDeferredReadyList, processDeferredReadyList, setIdle } from "./ready-thread.js";
import { affinityOf, attachedTo, noteRunning, setState } from "./thread.js";

/** KiSwapThread: the current thread has stopped to run (it waits, or is gone); another takes the processor. */
export function* swapThread(kernel: Kernel, cpu: Cpu): Steps {
  const { memory, layout } = kernel;
  const thread = currentThread(kernel, cpu);
  yield* processDeferredReadyList(kernel, cpu);
  yield* acquire(kernel, cpu.prcb, layout.prcb.PrcbLock);
  let next = takeNextThread(kernel, cpu);
  if (next === 0) next = yield* selectReadyThread(kernel, cpu, 0);
  if (next === 0) {
    next = cpu.idle;
    setIdle(kernel, cpu, true);
    memory.w8(cpu.prcb, layout.prcb.IdleSchedule, 1);
  }
  memory.w64(cpu.prcb, layout.prcb.CurrentThread, next);
  setState(kernel, next, threadState.Running);
  yield "step";
  release(kernel, cpu.prcb, layout.prcb.PrcbLock);
  swapContext(kernel, cpu, thread, next);
}

/** Gives the processor to NextThread, if there is one; the current thread becomes ready again. */
export function* preempt(kernel: Kernel, cpu: Cpu, reason: number): Steps {
  const { memory, layout } = kernel;
  yield* acquire(kernel, cpu.prcb, layout.prcb.PrcbLock);
  const thread = currentThread(kernel, cpu);
  const next = takeNextThread(kernel, cpu);
  if (next !== 0) {
    if (isVista(kernel)) memory.w8(thread, layout.thread.Running, 1);
    memory.w64(cpu.prcb, layout.prcb.CurrentThread, next);
    setState(kernel, next, threadState.Running);
    yield "step";
    memory.w8(thread, layout.thread.WaitReason, reason);
    // Whatever it was at: no APC is delivered on the way.
    memory.w8(thread, layout.thread.WaitIrql, irql.APC_LEVEL);
    if ((affinityOf(kernel, thread) & (1 << cpu.id)) !== 0) yield* queueReadyThread(kernel, cpu, thread);
    else insertDeferredReadyList(kernel, cpu, thread);
    yield "step";
  }
  release(kernel, cpu.prcb, layout.prcb.PrcbLock);
  if (next !== 0) swapContext(kernel, cpu, thread, next);
}

/** KiExitDispatcher: finds places for the threads that were readied, and makes room for a better one. */
export function* exitDispatcher(kernel: Kernel, cpu: Cpu, reason: number): Steps {
  const { memory, layout } = kernel;
  yield* processDeferredReadyList(kernel, cpu);
  const next = memory.s64(cpu.prcb, layout.prcb.NextThread);
  if (next !== 0 && currentThread(kernel, cpu) !== cpu.idle) yield* preempt(kernel, cpu, reason);
}

/** The idle loop: takes what it was given, or, told to look, what waits here or elsewhere. */
export function* leaveIdle(kernel: Kernel, cpu: Cpu): Steps {
  const { memory, layout } = kernel;
  yield* processDeferredReadyList(kernel, cpu);
  yield* acquire(kernel, cpu.prcb, layout.prcb.PrcbLock);
  let next = takeNextThread(kernel, cpu);
  if (next === 0 && memory.u8(cpu.prcb, layout.prcb.IdleSchedule) !== 0) {
    memory.w8(cpu.prcb, layout.prcb.IdleSchedule, 0);
    next = yield* selectReadyThread(kernel, cpu, 0);
  }
  if (next !== 0) startFromIdle(kernel, cpu, next);
  yield "step";
  release(kernel, cpu.prcb, layout.prcb.PrcbLock);
  if (next === 0) next = yield* findReadyThread(kernel, cpu);
  if (next !== 0) swapContext(kernel, cpu, cpu.idle, next);
}

function startFromIdle(kernel: Kernel, cpu: Cpu, next: number): void {
  setIdle(kernel, cpu, false);
  kernel.memory.w64(cpu.prcb, kernel.layout.prcb.CurrentThread, next);
  setState(kernel, next, threadState.Running);
}

/** KiIdleSchedule's search: the first thread of another processor's highest list that may run here. */
function* findReadyThread(kernel: Kernel, cpu: Cpu): Steps<number> {
  const { memory, layout } = kernel;
  const home = sharedQueue(kernel, cpu)?.va;
  for (const other of kernel.cpus) {
    if (other === cpu) continue;
    const elsewhere = sharedQueue(kernel, other);
    const busy =
      memory.u32(other.prcb, ownQueue(kernel, other).summary) !== 0 ||
      (elsewhere !== undefined && elsewhere.va !== home && memory.u32(elsewhere.va, elsewhere.summary) !== 0);
    if (!busy) continue;
    yield* acquire(kernel, other.prcb, layout.prcb.PrcbLock);
    const found = yield* selectReadyThread(kernel, other, 0);
    const fits = found !== 0 && (affinityOf(kernel, found) & (1 << cpu.id)) !== 0;
    if (found !== 0 && !fits) {
      memory.w8(found, layout.thread.Preempted, 1);
      yield* queueReadyThread(kernel, other, found);
    }
    release(kernel, other.prcb, layout.prcb.PrcbLock);
    if (!fits) continue;
    yield* acquire(kernel, cpu.prcb, layout.prcb.PrcbLock);
    memory.w16(found, layout.thread.NextProcessor, cpu.id);
    startFromIdle(kernel, cpu, found);
    release(kernel, cpu.prcb, layout.prcb.PrcbLock);
    return found;
  }
  return 0;
}

function takeNextThread(kernel: Kernel, cpu: Cpu): number {
  const { memory, layout } = kernel;
  const next = memory.s64(cpu.prcb, layout.prcb.NextThread);
  if (next === 0) return 0;
  checkStandby(kernel, next);
  memory.w64(cpu.prcb, layout.prcb.NextThread, 0);
  return next;
}

/** SwapContext: time is charged to the one who leaves, CR3 becomes that of the one who comes. */
function swapContext(kernel: Kernel, cpu: Cpu, from: number, to: number): void {
  const { memory, layout } = kernel;
  assertKernel(from !== to, "SwapContext", () => "a thread was swapped for itself");
  chargeCycles(kernel, cpu, from);
  memory.w8(from, layout.thread.Running, 0);
  if (!isVista(kernel)) memory.w8(to, layout.thread.Running, 1);
  const { ContextSwitches } = layout.thread;
  memory.w32(to, ContextSwitches, memory.u32(to, ContextSwitches) + 1);
  const { KeContextSwitches } = layout.prcb;
  memory.w32(cpu.prcb, KeContextSwitches, memory.u32(cpu.prcb, KeContextSwitches) + 1);
  loadCr3(kernel, cpu, attachedTo(kernel, to));
  noteRunning(kernel, cpu);
}

export function loadCr3(kernel: Kernel, cpu: Cpu, process: number): void {
  cpu.root = Math.floor(kernel.memory.s64(process, kernel.layout.process.DirectoryTableBase) / 4096);
}

/** Adds the cycles since StartCycles to a thread that has run, and to its process. */
export function chargeCycles(kernel: Kernel, cpu: Cpu, thread: number): void {
  const { memory, layout } = kernel;
  const now = Math.floor(cpu.nowNs * cyclesPerNs);
  const used = now - memory.s64(cpu.prcb, layout.prcb.StartCycles);
  memory.w64(cpu.prcb, layout.prcb.StartCycles, now);
  const process = memory.s64(thread, layout.thread.Process);
  memory.w64(thread, layout.thread.CycleTime, memory.s64(thread, layout.thread.CycleTime) + used);
  memory.w64(process, layout.process.CycleTime, memory.s64(process, layout.process.CycleTime) + used);
}
