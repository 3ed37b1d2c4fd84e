import { irql, threadState, waitReason } from "./constants.js";
import { currentThread, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { acquire, raiseIrql, release } from "./lock.js";
import { computeNewPriority, resetQuantum } from "./priority.js";
import { selectReadyThread } from "./ready-queue.js";
import { chargeCycles, exitDispatcher, preempt } from "./swap-thread.js";
import { noteRunning, setState } from "./thread.js";

/** KeUpdateRunTime at a clock tick: charges the tick to what it interrupted, and looks whether its quantum is over. */
export function updateRunTime(kernel: Kernel, cpu: Cpu, userMode: boolean): void {
  const { memory, layout } = kernel;
  const thread = currentThread(kernel, cpu);
  const process = memory.s64(thread, layout.thread.Process);
  const add = (va: number, offset: number): void => {
    memory.w32(va, offset, memory.u32(va, offset) + 1);
  };
  add(thread, userMode ? layout.thread.UserTime : layout.thread.KernelTime);
  add(process, userMode ? layout.process.UserTime : layout.process.KernelTime);
  add(cpu.prcb, userMode ? layout.prcb.UserTime : layout.prcb.KernelTime);
  add(cpu.prcb, layout.prcb.InterruptCount);
  chargeCycles(kernel, cpu, thread);
  if (thread === cpu.idle) return;
  const over = memory.s64(thread, layout.thread.CycleTime) >= memory.s64(thread, layout.thread.QuantumTarget);
  if (!over) return;
  memory.w8(cpu.prcb, layout.prcb.QuantumEnd, 1);
  cpu.dispatchRequested = true;
}

/** The software interrupt at DISPATCH_LEVEL: deferred procedure calls, the end of a quantum, a switch that was asked for. */
export function* dispatchInterrupt(kernel: Kernel, cpu: Cpu): Steps {
  const { memory, layout } = kernel;
  const before = raiseIrql(cpu, irql.DISPATCH_LEVEL);
  cpu.dispatchRequested = false;
  for (let request = kernel.requests.shift(); request !== undefined; request = kernel.requests.shift()) {
    memory.w8(cpu.prcb, layout.prcb.DpcRoutineActive, 1);
    yield* request(cpu);
    memory.w8(cpu.prcb, layout.prcb.DpcRoutineActive, 0);
  }
  const idle = currentThread(kernel, cpu) === cpu.idle;
  if (memory.u8(cpu.prcb, layout.prcb.QuantumEnd) !== 0) {
    memory.w8(cpu.prcb, layout.prcb.QuantumEnd, 0);
    if (!idle) yield* quantumEnd(kernel, cpu);
  } else if (!idle) {
    yield* exitDispatcher(kernel, cpu, waitReason.WrPreempted);
  }
  cpu.irql = before;
}

/** KiQuantumEnd: a thread that has used up its quantum falls towards its base and makes room for its equals. */
function* quantumEnd(kernel: Kernel, cpu: Cpu): Steps {
  const { memory, layout } = kernel;
  raiseIrql(cpu);
  const thread = currentThread(kernel, cpu);
  yield* acquire(kernel, thread, layout.thread.ThreadLock);
  yield* acquire(kernel, cpu.prcb, layout.prcb.PrcbLock);
  resetQuantum(kernel, thread);
  const priority = computeNewPriority(kernel, thread, 1);
  memory.w8(thread, layout.thread.Priority, priority);
  noteRunning(kernel, cpu);
  if (memory.s64(cpu.prcb, layout.prcb.NextThread) === 0) {
    const next = yield* selectReadyThread(kernel, cpu, priority);
    if (next !== 0) {
      setState(kernel, next, threadState.Standby);
      memory.w64(cpu.prcb, layout.prcb.NextThread, next);
    }
  } else {
    memory.w8(thread, layout.thread.Preempted, 0);
  }
  release(kernel, cpu.prcb, layout.prcb.PrcbLock);
  release(kernel, thread, layout.thread.ThreadLock);
  yield* exitDispatcher(kernel, cpu, waitReason.WrQuantumEnd);
}

/** NtYieldExecution: makes room for any other thread, of priority 1 at least. */
export function* yieldExecution(kernel: Kernel, cpu: Cpu): Steps {
  const { memory, layout } = kernel;
  const before = raiseIrql(cpu);
  const thread = currentThread(kernel, cpu);
  yield* acquire(kernel, thread, layout.thread.ThreadLock);
  yield* acquire(kernel, cpu.prcb, layout.prcb.PrcbLock);
  if (memory.s64(cpu.prcb, layout.prcb.NextThread) === 0 && thread !== cpu.idle) {
    const next = yield* selectReadyThread(kernel, cpu, 1);
    if (next !== 0) {
      setState(kernel, next, threadState.Standby);
      memory.w64(cpu.prcb, layout.prcb.NextThread, next);
      resetQuantum(kernel, thread);
      memory.w8(thread, layout.thread.Priority, computeNewPriority(kernel, thread, 1));
    }
  }
  release(kernel, cpu.prcb, layout.prcb.PrcbLock);
  release(kernel, thread, layout.thread.ThreadLock);
  if (thread !== cpu.idle) yield* preempt(kernel, cpu, waitReason.WrYieldExecution);
  cpu.irql = before;
}
