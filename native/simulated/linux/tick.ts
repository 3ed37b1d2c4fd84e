import { INITIAL_JIFFIES, TASK_NORMAL, TICK_NSEC } from "./constants.js";
import { checkRunQueue } from "./check.js";
import { reschedCurr, tickFair } from "./fair.js";
import { irqWorkTick } from "./irq-work.js";
import { current, lazyList, tickCpuSched, type Cpu, type Kernel } from "./kernel.js";
import { task, tickSched } from "./offsets.js";
import { tryToWakeUp } from "./schedule.js";

/** The run queue is checked from end to end every this many ticks. */
const checkEvery = 8;

/** tick_sched_handle: jiffies, process times, lazy irq_work, and the scheduler's own tick (kernel/time/tick-sched.c). */
export function tick(kernel: Kernel, cpu: Cpu): void {
  const { memory } = kernel;
  // However many ticks were missed while the vCPU did not run, one is handled; the clock makes up for the others.
  cpu.nextTickNs = nextTickAfter(kernel.nowNs);
  memory.w64(kernel.image.address("jiffies"), 0, INITIAL_JIFFIES + Math.floor(kernel.nowNs / TICK_NSEC));
  const thread = current(kernel, cpu);
  if (thread !== cpu.idle) {
    const at = thread.place === "user" ? task.utime : task.stime;
    memory.w64(thread.va, at, memory.s64(thread.va, at) + TICK_NSEC);
  }
  irqWorkTick(kernel, cpu);
  if (tickFair(kernel, cpu)) reschedCurr(kernel, cpu);
  if (++cpu.ticks % checkEvery === 0) checkRunQueue(kernel, cpu);
}

function nextTickAfter(nowNs: number): number {
  return (Math.floor(nowNs / TICK_NSEC) + 1) * TICK_NSEC;
}

/** hrtimer_interrupt: wakes the threads whose sleep is over. */
export function expireTimers(kernel: Kernel, cpu: Cpu): void {
  for (
    let thread = cpu.timers.expired(kernel.nowNs);
    thread !== undefined;
    thread = cpu.timers.expired(kernel.nowNs)
  ) {
    tryToWakeUp(kernel, cpu, thread.va, TASK_NORMAL);
  }
}

/**
 * tick_nohz_idle_stop_tick: an idle CPU keeps its tick only while something is due within it, or lazy irq_work waits
 * (irq_work_needs_cpu).
 */
export function stopIdleTick(kernel: Kernel, cpu: Cpu): void {
  const { memory } = kernel;
  const word = memory.u32(cpu.area + tickCpuSched, tickSched.word);
  const stopped = (word & tickSched.tickStoppedBit) !== 0;
  if (memory.s64(cpu.area, lazyList) !== 0) {
    if (!Number.isFinite(cpu.nextTickNs)) cpu.nextTickNs = nextTickAfter(kernel.nowNs);
    return;
  }
  if (stopped) {
    cpu.nextTickNs = Number.POSITIVE_INFINITY;
  } else if (cpu.timers.nextNs - kernel.nowNs > TICK_NSEC) {
    memory.w32(
      cpu.area + tickCpuSched,
      tickSched.word,
      word | tickSched.tickStoppedBit | tickSched.inidleBit,
    );
    cpu.nextTickNs = Number.POSITIVE_INFINITY;
  }
}

/** tick_nohz_idle_exit. */
export function restartTick(kernel: Kernel, cpu: Cpu): void {
  const { memory } = kernel;
  const word = memory.u32(cpu.area + tickCpuSched, tickSched.word);
  memory.w32(
    cpu.area + tickCpuSched,
    tickSched.word,
    word & ~(tickSched.tickStoppedBit | tickSched.inidleBit),
  );
  if (!Number.isFinite(cpu.nextTickNs)) cpu.nextTickNs = nextTickAfter(kernel.nowNs);
}
