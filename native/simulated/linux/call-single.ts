import {
  CSD_FLAG_LOCK,
  CSD_FLAG_TYPE_MASK,
  CSD_TYPE_ASYNC,
  CSD_TYPE_IRQ_WORK,
  CSD_TYPE_SYNC,
  CSD_TYPE_TTWU,
  TASK_RUNNING,
} from "./constants.js";
import { callFunction, irqWorkSingle } from "./irq-work.js";
import { callSingleQueue, type Cpu, type Kernel } from "./kernel.js";
import { callSingleData, rq, task } from "./offsets.js";
import { activate, checkPreempt } from "./schedule.js";

/**
 * __flush_smp_call_function_queue (kernel/smp.c): runs what other CPUs queued for this one, in the order of queueing;
 * synchronous calls first, remote wake-ups last. On the interrupt 0xfb and when the CPU goes idle.
 */
export function flushCallFunctionQueue(kernel: Kernel, cpu: Cpu): void {
  const { memory } = kernel;
  const head = memory.s64(cpu.area, callSingleQueue);
  if (head === 0) return;
  memory.w64(cpu.area, callSingleQueue, 0);
  const queue = reversed(kernel, cpu, head);
  const typeOf = (csd: number): number => memory.u32(csd, callSingleData.flags) & CSD_FLAG_TYPE_MASK;
  const wakeUps: number[] = [];
  for (const csd of queue.filter((one) => typeOf(one) === CSD_TYPE_SYNC)) {
    callFunction(kernel, cpu, memory.s64(csd, callSingleData.func), memory.s64(csd, callSingleData.info));
    unlock(kernel, cpu, csd);
  }
  for (const csd of queue) {
    const type = typeOf(csd);
    if (type === CSD_TYPE_ASYNC) {
      const func = memory.s64(csd, callSingleData.func);
      const info = memory.s64(csd, callSingleData.info);
      unlock(kernel, cpu, csd);
      callFunction(kernel, cpu, func, info);
    } else if (type === CSD_TYPE_IRQ_WORK) {
      irqWorkSingle(kernel, cpu, csd);
    } else if (type === CSD_TYPE_TTWU) {
      wakeUps.push(csd);
    } else if (type !== CSD_TYPE_SYNC) {
      warn(kernel, cpu);
    }
  }
  if (wakeUps.length > 0) ttwuPending(kernel, cpu, wakeUps);
}

/** llist_reverse_order. A node that is met again was queued twice: the kernel finds it unlocked when it gets there. */
function reversed(kernel: Kernel, cpu: Cpu, head: number): number[] {
  const nodes: number[] = [];
  const seen = new Set<number>();
  for (let node = head; node !== 0; node = kernel.memory.s64(node, callSingleData.next)) {
    if (seen.has(node)) {
      warn(kernel, cpu);
      break;
    }
    seen.add(node);
    nodes.push(node);
  }
  return nodes.reverse();
}

/** csd_unlock. */
function unlock(kernel: Kernel, cpu: Cpu, csd: number): void {
  const flags = kernel.memory.u32(csd, callSingleData.flags);
  if ((flags & CSD_FLAG_LOCK) === 0) warn(kernel, cpu);
  kernel.memory.w32(csd, callSingleData.flags, flags & ~CSD_FLAG_LOCK);
}

function warn(kernel: Kernel, cpu: Cpu): void {
  kernel.console.complain(
    `WARNING: CPU: ${String(cpu.id)} PID: 0 at kernel/smp.c:472 __flush_smp_call_function_queue`,
  );
}

/** sched_ttwu_pending (kernel/sched/core.c): the nodes are `wake_entry` of the tasks. */
function ttwuPending(kernel: Kernel, cpu: Cpu, nodes: readonly number[]): void {
  const { memory } = kernel;
  memory.w32(cpu.rq, rq.ttwu_pending, 0);
  for (const node of nodes) {
    const va = node - task.wake_entry;
    if (memory.u32(va, task.on_cpu) !== 0 || memory.u32(va, task.cpu) !== cpu.id) {
      kernel.console.complain(
        `WARNING: CPU: ${String(cpu.id)} PID: 0 at kernel/sched/core.c:3794 sched_ttwu_pending`,
      );
    }
    activate(kernel, cpu, va);
    memory.w32(va, task.state, TASK_RUNNING);
    checkPreempt(kernel, cpu, cpu, va);
  }
}
