import { waitReason } from "./constants.js";
import { scanReadyQueues } from "./balance-set.js";
import { currentThread, threadAt, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { raiseIrql } from "./lock.js";
import { dispatchInterrupt, yieldExecution } from "./quantum.js";
import { exitDispatcher } from "./swap-thread.js";
import { entry, enterKernel } from "./trap-frame.js";
import { signalObject } from "./wait.js";
import { eventOf } from "./work-item.js";

/** The longest way into kernel code, in steps. */
const deepest = 16;

/**
 * Stops one processor in the midst of kernel code, as a pause may: with locks held, a thread on no list, or one whose state
 * is not yet what its list says. It goes on where it was before any processor does anything else.
 */
export function stopInKernel(kernel: Kernel): void {
  const { random } = kernel;
  if (kernel.cpus.some((cpu) => cpu.operation !== undefined)) return;
  const cpu = kernel.cpus[random.below(kernel.cpus.length)];
  if (cpu === undefined) return;
  kernel.nowNs = cpu.nowNs;
  const operation = pick(kernel, cpu);
  for (let left = 1 + random.below(deepest); left > 0; left--) {
    // What finds a lock held waits for it, and that is a place to stop as well.
    const step = operation.next();
    if (step.done === true) return;
    cpu.operation = operation;
    if (step.value === "spin") return;
  }
}

function pick(kernel: Kernel, cpu: Cpu): Steps {
  const { random } = kernel;
  const thread = currentThread(kernel, cpu);
  const inUserMode = thread !== cpu.idle && threadAt(kernel, thread).place === "user";
  if (inUserMode) enterKernel(kernel, thread, entry.interrupt);
  switch (random.below(4)) {
    case 0:
      if (!inUserMode) return dispatchInterrupt(kernel, cpu);
      enterKernel(kernel, thread, entry.systemCall);
      return yieldExecution(kernel, cpu);
    case 1:
      return searchStarving(kernel, cpu);
    default:
      // A device's deferred procedure call has work for System.
      return signalObject(kernel, cpu, eventOf(kernel, kernel.work), random.below(3));
  }
}

function* searchStarving(kernel: Kernel, cpu: Cpu): Steps {
  const before = raiseIrql(cpu);
  yield* scanReadyQueues(kernel, cpu);
  yield* exitDispatcher(kernel, cpu, waitReason.WrPreempted);
  cpu.irql = before;
}
