import { apcState, STATUS_KERNEL_APC } from "./constants.js";
import { BugCheck } from "./bug-check.js";
import { clockInterrupt } from "./clock.js";
import { exitThread, reap } from "./exit-thread.js";
import { currentThread, threadAt, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { dispatchInterrupt } from "./quantum.js";
import { deliverKernelApc } from "./suspend.js";
import { leaveIdle } from "./swap-thread.js";
import { nextStep, resumeWait } from "./system-call.js";
import { entry, enterKernel } from "./trap-frame.js";

/** A processor that spins for longer does not answer clock interrupts: the others give the machine up. */
const watchdogNs = 2e9;

/** Runs a processor from its own time to `endNs` of guest time, or until it halts; returns when that was. */
export function runProcessor(kernel: Kernel, cpu: Cpu, endNs: number): number {
  if (!finishOperations(kernel, cpu, endNs)) return endNs;
  while (cpu.nowNs < endNs) {
    kernel.nowNs = cpu.nowNs;
    const thread = currentThread(kernel, cpu);
    cpu.operation = interrupt(kernel, cpu, thread) ?? duty(kernel, cpu, thread);
    if (cpu.operation !== undefined) {
      if (!finish(cpu, endNs)) return endNs;
    } else if (thread === cpu.idle) {
      return cpu.nowNs;
    } else {
      runThread(kernel, cpu, thread, endNs);
    }
  }
  return endNs;
}

/** When a processor that is halted next has something to do: what somebody put into its KPRCB it sees at an interrupt. */
export function wakesAtNs(kernel: Kernel, cpu: Cpu): number {
  const thread = currentThread(kernel, cpu);
  const busy = cpu.operation !== undefined || cpu.dispatchRequested || kernel.requests.length > 0;
  return busy || thread !== cpu.idle ? cpu.nowNs : cpu.nextTickNs;
}

/** Lets every processor that was stopped in the midst of kernel code come to its end: until then others would spin. */
function finishOperations(kernel: Kernel, cpu: Cpu, endNs: number): boolean {
  for (const one of kernel.cpus) {
    if (one.operation === undefined || one === cpu) continue;
    kernel.nowNs = one.nowNs;
    finish(one, endNs);
  }
  kernel.nowNs = cpu.nowNs;
  return cpu.operation === undefined || finish(cpu, endNs);
}

/** Ends an operation; false when it has to wait for a lock, up to `endNs`. */
function finish(cpu: Cpu, endNs: number): boolean {
  for (;;) {
    const step = cpu.operation?.next();
    if (step === undefined || step.done === true) {
      cpu.operation = undefined;
      cpu.spinSinceNs = -1;
      return true;
    }
    if (step.value === "step") continue;
    if (cpu.spinSinceNs < 0) cpu.spinSinceNs = cpu.nowNs;
    cpu.nowNs = Math.max(cpu.nowNs, endNs);
    if (cpu.nowNs - cpu.spinSinceNs > watchdogNs)
      throw new BugCheck("CLOCK_WATCHDOG_TIMEOUT", `processor ${cpu.id} has spun on a lock for seconds`);
    return false;
  }
}

/** What interrupts: the clock, or the software interrupt at DISPATCH_LEVEL. */
function interrupt(kernel: Kernel, cpu: Cpu, thread: number): Steps | undefined {
  if (!isInterrupted(kernel, cpu)) return undefined;
  const fromUserMode = thread !== cpu.idle && threadAt(kernel, thread).place === "user";
  if (fromUserMode) enterKernel(kernel, thread, entry.interrupt);
  if (cpu.nextTickNs <= cpu.nowNs) {
    if (kernel.dead.length > 0 && kernel.cpus.every((one) => one.operation === undefined)) reap(kernel);
    return clockInterrupt(kernel, cpu, fromUserMode);
  }
  return dispatchInterrupt(kernel, cpu);
}

function isInterrupted(kernel: Kernel, cpu: Cpu): boolean {
  return cpu.nextTickNs <= cpu.nowNs || cpu.dispatchRequested || kernel.requests.length > 0;
}

/** What a processor has to do before the program on it goes on. */
function duty(kernel: Kernel, cpu: Cpu, thread: number): Steps | undefined {
  if (thread === cpu.idle) return idleHasWork(kernel, cpu) ? leaveIdle(kernel, cpu) : undefined;
  const { memory, layout } = kernel;
  const execution = threadAt(kernel, thread);
  const apc = layout.thread.ApcState;
  // An attached thread takes its APCs when it is back.
  if (!execution.attached && memory.u8(thread, apc + apcState.KernelApcPending) !== 0)
    return deliverKernelApc(kernel, cpu);
  if (execution.place === "delay" || execution.place === "wait") {
    const interrupted = memory.u32(thread, layout.thread.WaitStatus) === STATUS_KERNEL_APC;
    return resumeWait(kernel, cpu, thread, interrupted);
  }
  const inSystemCall = execution.place === "system" && execution.remainingNs > 0;
  if (!inSystemCall && !execution.attached && memory.u8(thread, apc + apcState.UserApcPending) !== 0)
    return exitThread(kernel, cpu);
  return execution.remainingNs <= 0 ? nextStep(kernel, cpu, thread) : undefined;
}

function idleHasWork(kernel: Kernel, cpu: Cpu): boolean {
  const { memory, layout } = kernel;
  return (
    memory.s64(cpu.prcb, layout.prcb.NextThread) !== 0 ||
    memory.u8(cpu.prcb, layout.prcb.IdleSchedule) !== 0 ||
    memory.s64(cpu.prcb, layout.prcb.DeferredReadyListHead) !== 0
  );
}

/** Lets the program run up to its step's end, the next tick or `endNs`. */
function runThread(kernel: Kernel, cpu: Cpu, thread: number, endNs: number): void {
  const execution = threadAt(kernel, thread);
  if (execution.remainingNs <= 0) return;
  const untilNs = Math.min(endNs, cpu.nextTickNs, cpu.nowNs + execution.remainingNs);
  execution.remainingNs -= untilNs - cpu.nowNs;
  cpu.nowNs = untilNs;
}
