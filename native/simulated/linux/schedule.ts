import {
  PF_KTHREAD,
  RESCHEDULE_VECTOR,
  SIGKILL,
  STACK_END_MAGIC,
  TASK_DEAD,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_WAKEKILL,
  TIF_NEED_RESCHED,
  TIF_SIGPENDING,
} from "./constants.js";
import { finishDead } from "./exit.js";
import { dequeue, enqueue, pickNext, preemptsOnWakeup, putPrev, reschedCurr, updateCurr } from "./fair.js";
import { current, currentTask, threadAt, type Cpu, type Kernel } from "./kernel.js";
import { entity, cfsRq, rq, task } from "./offsets.js";
import { Oops } from "./oops.js";
import { psiEnqueue, psiTaskSwitch } from "./psi.js";
import { schedInfoDequeue, schedInfoEnqueue, schedInfoSwitch } from "./sched-info.js";
import { leaveStack } from "./stack.js";
import { pullTask } from "./load-balance.js";
import type { Thread } from "./thread.js";

/** __schedule(SM_NONE): takes what runs off the queue if its state says so, and gives the CPU to the next. */
export function schedule(kernel: Kernel, cpu: Cpu): void {
  const { memory } = kernel;
  const prev = current(kernel, cpu);
  checkStackEnd(kernel, prev);
  memory.w32(prev.va, task.tif, memory.u32(prev.va, task.tif) & ~TIF_NEED_RESCHED);
  const state = memory.u32(prev.va, task.state);
  if (prev !== cpu.idle && state !== TASK_RUNNING) {
    if (signalPendingState(kernel, prev.va, state)) {
      memory.w32(prev.va, task.state, TASK_RUNNING);
    } else {
      memory.w32(prev.va, task.on_rq, 0);
      schedInfoDequeue(kernel, cpu, prev.va);
      dequeue(kernel, cpu, prev.va, "sleep");
    }
  }
  putPrev(kernel, cpu);
  let next = pickNext(kernel, cpu);
  if (next === 0 && pullTask(kernel, cpu)) next = pickNext(kernel, cpu);
  switchTo(kernel, cpu, prev, next === 0 ? cpu.idle : threadAt(kernel, next));
}

/** signal_pending_state (include/linux/sched/signal.h). */
function signalPendingState(kernel: Kernel, va: number, state: number): boolean {
  if ((state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)) === 0) return false;
  if ((kernel.memory.u32(va, task.tif) & TIF_SIGPENDING) === 0) return false;
  return (
    (state & TASK_INTERRUPTIBLE) !== 0 || (kernel.memory.u32(va, task.pending) & (1 << (SIGKILL - 1))) !== 0
  );
}

/** schedule_debug: a stack that was written over at its end is found at the next switch. */
function checkStackEnd(kernel: Kernel, prev: Thread): void {
  if (kernel.memory.u32(prev.stack, 0) !== STACK_END_MAGIC) {
    throw new Oops("Kernel panic - not syncing: corrupted stack end detected inside scheduler");
  }
}

/** context_switch and finish_task_switch. */
function switchTo(kernel: Kernel, cpu: Cpu, prev: Thread, next: Thread): void {
  if (prev === next) return;
  const { memory } = kernel;
  psiTaskSwitch(kernel, cpu, prev.va, next.va);
  schedInfoSwitch(kernel, cpu, prev, next);
  leaveStack(kernel, prev);
  memory.w64(cpu.rq, rq.curr, next.va);
  memory.w64(cpu.area, currentTask, next.va);
  memory.w32(next.va, task.on_cpu, 1);
  memory.w64(cpu.rq, rq.nr_switches, memory.s64(cpu.rq, rq.nr_switches) + 1);
  // Kernel threads keep the page tables of whom they follow (lazy TLB).
  if ((memory.u32(next.va, task.flags) & PF_KTHREAD) === 0) cpu.root = next.process.root;
  memory.w32(prev.va, task.on_cpu, 0);
  const voluntary = memory.u32(prev.va, task.state) === TASK_RUNNING ? task.nivcsw : task.nvcsw;
  memory.w64(prev.va, voluntary, memory.s64(prev.va, voluntary) + 1);
  if ((memory.u32(prev.va, task.state) & TASK_DEAD) !== 0) finishDead(kernel, prev);
}

/**
 * try_to_wake_up: makes the task at `va` runnable if its state is in `mask`. False when it was not asleep that way.
 * While somebody holds its pi_lock, the waker spins and tries again.
 */
export function tryToWakeUp(kernel: Kernel, waker: Cpu, va: number, mask: number): boolean {
  const { memory } = kernel;
  if (memory.u32(va, task.pi_lock) !== 0) {
    waker.spin = { lock: va, offset: task.pi_lock, sinceNs: kernel.nowNs, reported: false };
    waker.deferredWakes.push({ va, mask });
    return true;
  }
  if ((memory.u32(va, task.state) & mask) === 0) return false;
  if (memory.u32(va, task.on_rq) === 1) {
    memory.w32(va, task.state, TASK_RUNNING);
    return true;
  }
  const cpu = selectCpu(kernel, va);
  activate(kernel, cpu, va);
  memory.w32(va, task.state, TASK_RUNNING);
  checkPreempt(kernel, waker, cpu, va);
  return true;
}

/** ttwu_do_activate. */
export function activate(kernel: Kernel, cpu: Cpu, va: number): void {
  const { memory } = kernel;
  const from = kernel.cpus[memory.u32(va, task.cpu)];
  if (from === undefined) throw new Oops("BUG: unable to handle page fault: task_cpu is no CPU");
  if (from !== cpu) moveTo(kernel, va, from, cpu);
  schedInfoEnqueue(kernel, cpu, va);
  psiEnqueue(kernel, cpu, va);
  enqueue(kernel, cpu, va, "wakeup");
  memory.w32(va, task.on_rq, 1);
}

/** set_task_cpu of a sleeping task: its vruntime keeps its distance to the queue's floor. */
function moveTo(kernel: Kernel, va: number, from: Cpu, to: Cpu): void {
  const { memory } = kernel;
  const se = va + task.se;
  const distance = memory.s64(se, entity.vruntime) - memory.s64(from.cfs, cfsRq.min_vruntime);
  memory.w64(se, entity.vruntime, memory.s64(to.cfs, cfsRq.min_vruntime) + distance);
  memory.w64(se, entity.nr_migrations, memory.s64(se, entity.nr_migrations) + 1);
  memory.w32(va, task.cpu, to.id);
}

/** check_preempt_curr; another CPU is told by a reschedule interrupt. */
export function checkPreempt(kernel: Kernel, waker: Cpu, cpu: Cpu, va: number): void {
  const idle = kernel.memory.s64(cpu.rq, rq.curr) === cpu.idle.va;
  if (!idle && !preemptsOnWakeup(kernel, cpu, va)) return;
  reschedCurr(kernel, cpu);
  if (cpu !== waker) cpu.vectors.add(RESCHEDULE_VECTOR);
}

/** select_task_rq_fair, as far as it matters here: the last CPU if it is idle, else any idle one, else the last. */
function selectCpu(kernel: Kernel, va: number): Cpu {
  const { memory } = kernel;
  const last = kernel.cpus[memory.u32(va, task.cpu)];
  if (last === undefined) throw new Oops("BUG: unable to handle page fault: task_cpu is no CPU");
  if (memory.u32(va, task.nr_cpus_allowed) === 1) return last;
  const isIdle = (cpu: Cpu): boolean => memory.u32(cpu.rq, rq.nr_running) === 0;
  return isIdle(last) ? last : (kernel.cpus.find(isIdle) ?? last);
}

/** wake_up_new_task. */
export function wakeUpNewTask(kernel: Kernel, waker: Cpu, va: number): void {
  const { memory } = kernel;
  const cpu = selectCpu(kernel, va);
  memory.w32(va, task.cpu, cpu.id);
  memory.w32(va, task.state, TASK_RUNNING);
  updateCurr(kernel, cpu);
  schedInfoEnqueue(kernel, cpu, va);
  psiEnqueue(kernel, cpu, va);
  enqueue(kernel, cpu, va, "new");
  memory.w32(va, task.on_rq, 1);
  checkPreempt(kernel, waker, cpu, va);
}
