import { formatVa } from "../../../core/memory/address.js";
import { IRQ_WORK_BUSY, IRQ_WORK_PENDING, TASK_NORMAL } from "./constants.js";
import { lazyList, type Cpu, type Kernel } from "./kernel.js";
import { irqWork, processTimerTask } from "./offsets.js";
import { Oops } from "./oops.js";
import { tryToWakeUp } from "./schedule.js";

/** Longer lists than this have been tied into a ring. */
const longestList = 4096;

/** irq_work_tick: runs this CPU's lazy_list, newest entry first (kernel/irq_work.c). raised_list waits for its interrupt. */
export function irqWorkTick(kernel: Kernel, cpu: Cpu): void {
  const { memory } = kernel;
  let work = memory.s64(cpu.area, lazyList);
  if (work === 0) return;
  memory.w64(cpu.area, lazyList, 0);
  for (let length = 0; work !== 0; length++) {
    if (length > longestList)
      throw new Oops(`watchdog: BUG: soft lockup - CPU#${String(cpu.id)} stuck for 22s! [irq_work_run_list]`);
    const next = memory.s64(work, irqWork.next);
    irqWorkSingle(kernel, cpu, work);
    work = next;
  }
}

/** irq_work_single: PENDING goes before the call, so that the work may be queued again; BUSY goes after it. */
export function irqWorkSingle(kernel: Kernel, cpu: Cpu, work: number): void {
  const { memory } = kernel;
  const flags = memory.u32(work, irqWork.flags) & ~IRQ_WORK_PENDING;
  memory.w32(work, irqWork.flags, flags);
  callFunction(kernel, cpu, memory.s64(work, irqWork.func), work);
  if (memory.u32(work, irqWork.flags) === flags) memory.w32(work, irqWork.flags, flags & ~IRQ_WORK_BUSY);
}

/** Calls a function pointer found in guest memory. What is no function of the kernel faults. */
export function callFunction(kernel: Kernel, cpu: Cpu, func: number, argument: number): void {
  switch (kernel.image.functionAt(func)) {
    case "process_timeout":
      tryToWakeUp(kernel, cpu, kernel.memory.s64(argument, processTimerTask), TASK_NORMAL);
      return;
    case "wake_up_process":
      tryToWakeUp(kernel, cpu, argument, TASK_NORMAL);
      return;
    case "mce_irq_work_cb":
      return;
    default:
      throw new Oops(faultMessage(kernel, func));
  }
}

function faultMessage(kernel: Kernel, func: number): string {
  const inText = func >= kernel.image.text && func < kernel.image.textEnd;
  const address = formatVa(func).slice(2);
  return inText
    ? `invalid opcode: 0000 [#1] PREEMPT SMP: jump to ${address}, which does not start a function for this`
    : `kernel tried to execute NX-protected page - exploit attempt? BUG: unable to handle page fault for address: ${address}`;
}
