import {
  CALL_FUNCTION_SINGLE_VECTOR,
  EVTCHN_FIFO_LINKED,
  RESCHEDULE_VECTOR,
  TASK_RUNNING,
  TIF_NEED_RESCHED,
  TIF_SIGPENDING,
} from "./constants.js";
import { flushCallFunctionQueue } from "./call-single.js";
import { ioSchedule, writeToDisk } from "./block-io.js";
import { leaveCriticalSection } from "./critical-section.js";
import { doExit, reapChildren } from "./exit.js";
import { copyProcess } from "./fork.js";
import { callSingleQueue, current, type Cpu, type Kernel } from "./kernel.js";
import { rq, task } from "./offsets.js";
import { schedule, tryToWakeUp, wakeUpNewTask } from "./schedule.js";
import { getSignal } from "./signal.js";
import { expireTimers, restartTick, stopIdleTick, tick } from "./tick.js";
import type { Thread } from "./thread.js";

/** A CPU that spins longer than this with nothing else done is reported (watchdog_thresh twice, plus 2 s). */
const softLockupNs = 22e9;

/** Runs a vCPU from its own time to `endNs` of guest time, or until it halts; returns when that was. */
export function runVcpu(kernel: Kernel, cpu: Cpu, endNs: number): number {
  kernel.nowNs = cpu.nowNs;
  // Whoever holds a lock goes on first; a vCPU that needs it would only spin until then.
  for (const one of kernel.cpus) leaveCriticalSection(kernel, one);
  while (cpu.nowNs < endNs) {
    kernel.nowNs = cpu.nowNs;
    if (cpu.spin !== undefined || kernel.memory.u32(cpu.rq, rq.lock) !== 0) {
      if (spins(kernel, cpu, endNs)) return endNs;
      continue;
    }
    takeInterrupts(kernel, cpu);
    const thread = current(kernel, cpu);
    if (thread === cpu.idle) {
      if (idle(kernel, cpu)) return cpu.nowNs;
    } else if (!pendingWork(kernel, cpu, thread)) {
      runThread(kernel, cpu, thread, endNs);
    }
  }
  return endNs;
}

/** When a vCPU that is halted next has something to do by itself. */
export function wakesAtNs(kernel: Kernel, cpu: Cpu): number {
  if (cpu.vectors.size > 0 || cpu.upcall || cpu.spin !== undefined || cpu.critical !== undefined)
    return cpu.nowNs;
  if (kernel.memory.s64(cpu.rq, rq.curr) !== cpu.idle.va) return cpu.nowNs;
  return Math.min(cpu.nextTickNs, cpu.timers.nextNs);
}

/** Spins on a held lock up to `endNs`; false when the lock is free again. Everything on this CPU stands still meanwhile. */
function spins(kernel: Kernel, cpu: Cpu, endNs: number): boolean {
  cpu.spin ??= { lock: cpu.rq, offset: rq.lock, sinceNs: cpu.nowNs, reported: false };
  const { spin } = cpu;
  if (kernel.memory.u32(spin.lock, spin.offset) === 0) {
    cpu.spin = undefined;
    for (const wake of cpu.deferredWakes.splice(0)) tryToWakeUp(kernel, cpu, wake.va, wake.mask);
    return false;
  }
  cpu.nowNs = endNs;
  if (endNs - spin.sinceNs > softLockupNs && !spin.reported) {
    spin.reported = true;
    kernel.console.complain(
      `watchdog: BUG: soft lockup - CPU#${String(cpu.id)} stuck for 22s! [native_queued_spin_lock_slowpath]`,
    );
  }
  return true;
}

/** Everything that interrupts: expired timers, the tick, vectors that were raised, the event channel upcall. */
function takeInterrupts(kernel: Kernel, cpu: Cpu): void {
  if (cpu.timers.nextNs <= cpu.nowNs) expireTimers(kernel, cpu);
  if (cpu.nextTickNs <= cpu.nowNs) tick(kernel, cpu);
  if (cpu.upcall) takeUpcall(kernel, cpu);
  if (cpu.vectors.size === 0) return;
  for (const vector of [...cpu.vectors]) {
    cpu.vectors.delete(vector);
    // A reschedule interrupt does nothing itself: the return from it looks at the thread's flags.
    if (vector === CALL_FUNCTION_SINGLE_VECTOR) flushCallFunctionQueue(kernel, cpu);
    else if (vector !== RESCHEDULE_VECTOR) {
      kernel.console.complain(
        `__common_interrupt: ${String(cpu.id)}.${String(vector)} No irq handler for vector`,
      );
    }
  }
}

/** evtchn_fifo_handle_events: takes the event off its queue; a port that Linux does not know is ignored and stays PENDING. */
function takeUpcall(kernel: Kernel, cpu: Cpu): void {
  cpu.upcall = false;
  const array = kernel.memory.s64(kernel.image.address("event_array"), 0);
  if (array === 0) return;
  for (let port = 0; port < 1024; port++) {
    const word = kernel.memory.u32(array, 4 * port);
    if (Math.floor(word / EVTCHN_FIFO_LINKED) % 2 === 1)
      kernel.memory.w32(array, 4 * port, word - EVTCHN_FIFO_LINKED);
  }
}

/** do_idle: true when the CPU halts. */
function idle(kernel: Kernel, cpu: Cpu): boolean {
  const { memory } = kernel;
  if (memory.s64(cpu.area, callSingleQueue) !== 0) flushCallFunctionQueue(kernel, cpu);
  const resched = (memory.u32(cpu.idle.va, task.tif) & TIF_NEED_RESCHED) !== 0;
  if (resched || memory.u32(cpu.rq, rq.nr_running) > 0) {
    restartTick(kernel, cpu);
    schedule(kernel, cpu);
    return false;
  }
  stopIdleTick(kernel, cpu);
  return true;
}

/** What a thread has to do before its program goes on; true when something was done (and another thread may be current). */
function pendingWork(kernel: Kernel, cpu: Cpu, thread: Thread): boolean {
  const { memory } = kernel;
  const flags = memory.u32(thread.va, task.tif);
  switch (thread.place) {
    case "nanosleep":
      resumeSleep(kernel, cpu, thread, (flags & TIF_SIGPENDING) !== 0);
      return true;
    case "io":
      ioSchedule(kernel, cpu, thread);
      return true;
    case "trap":
      getSignal(kernel, cpu, thread);
      return true;
    case "dead":
      schedule(kernel, cpu);
      return true;
    case "system":
      // Kernel threads make room at their next cond_resched; a system call runs to its end.
      if (!thread.kernel || (flags & TIF_NEED_RESCHED) === 0) return false;
      schedule(kernel, cpu);
      return true;
    case "user":
      return exitToUserMode(kernel, cpu, thread, flags);
  }
}

/** exit_to_user_mode_loop (kernel/entry/common.c). */
function exitToUserMode(kernel: Kernel, cpu: Cpu, thread: Thread, flags: number): boolean {
  if ((flags & TIF_NEED_RESCHED) !== 0) {
    schedule(kernel, cpu);
    return true;
  }
  if ((flags & TIF_SIGPENDING) !== 0) {
    getSignal(kernel, cpu, thread);
    return true;
  }
  if (!thread.restart) return false;
  // restart_syscall: back into the sleep that a signal interrupted.
  thread.restart = false;
  sleepUntil(kernel, cpu, thread, thread.expiresNs);
  return true;
}

/** do_nanosleep after schedule: over, interrupted, or woken for nothing. */
function resumeSleep(kernel: Kernel, cpu: Cpu, thread: Thread, signalPending: boolean): void {
  if (thread.expiresNs > cpu.nowNs && !signalPending) {
    sleepUntil(kernel, cpu, thread, thread.expiresNs);
    return;
  }
  for (const one of kernel.cpus) one.timers.cancel(thread);
  thread.restart = thread.expiresNs > cpu.nowNs;
  thread.place = thread.kernel ? "system" : "user";
}

function sleepUntil(kernel: Kernel, cpu: Cpu, thread: Thread, expiresNs: number): void {
  thread.place = "nanosleep";
  thread.expiresNs = expiresNs;
  for (const one of kernel.cpus) one.timers.cancel(thread);
  if (expiresNs <= cpu.nowNs) return;
  cpu.timers.start(thread);
  kernel.memory.w32(thread.va, task.state, thread.sleepState);
  schedule(kernel, cpu);
}

/** Lets the program run up to its step's end, the next interrupt or `endNs`. */
function runThread(kernel: Kernel, cpu: Cpu, thread: Thread, endNs: number): void {
  if (thread.remainingNs <= 0) {
    nextStep(kernel, cpu, thread);
    return;
  }
  const until = Math.min(endNs, cpu.nextTickNs, cpu.timers.nextNs, cpu.nowNs + thread.remainingNs);
  thread.remainingNs -= until - cpu.nowNs;
  cpu.nowNs = until;
  if (thread.remainingNs <= 0 && thread.place === "system" && !thread.kernel) thread.place = "user";
}

function nextStep(kernel: Kernel, cpu: Cpu, thread: Thread): void {
  const step = thread.program.next(cpu.nowNs, kernel.random);
  switch (step.kind) {
    case "run":
    case "system":
      thread.place = step.kind === "system" || thread.kernel ? "system" : "user";
      thread.remainingNs = Math.max(1, Math.round(step.ns));
      return;
    case "sleep":
      sleepUntil(kernel, cpu, thread, cpu.nowNs + Math.round(step.ns));
      return;
    case "write":
      writeToDisk(kernel, cpu, thread, step.bytes);
      return;
    case "fork":
    case "thread": {
      const kind = step.kind === "fork" ? "process" : "thread";
      const child = copyProcess(kernel, { comm: step.comm, program: step.program, kind, parent: thread });
      kernel.memory.w32(child.va, task.state, TASK_RUNNING);
      wakeUpNewTask(kernel, cpu, child.va);
      return;
    }
    case "reap":
      reapChildren(kernel, thread);
      return;
    case "exit":
      doExit(kernel, cpu, thread);
  }
}
