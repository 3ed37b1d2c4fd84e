import { assertKernel } from "./bug-check.js";
import { LOW_REALTIME_PRIORITY, waitReason } from "./constants.js";
import { processorOf, tickCount, type Cpu, type Kernel, type Steps } from "./kernel.js";
import { acquire, acquireDispatcherLock, release, releaseDispatcherLock } from "./lock.js";
import { resetQuantum } from "./priority.js";
import { ownQueue, removeReadyThread, sharedQueue, type ReadyQueue } from "./ready-queue.js";
import { insertDeferredReadyList } from "./ready-thread.js";
import { exitDispatcher } from "./swap-thread.js";
import { priorityOf } from "./thread.js";

const boostPriority = LOW_REALTIME_PRIORITY - 1;
/** A thread that has been ready for longer starves. */
const starvingTicks = 300;
const scannedAtMost = 16;
const boostedAtMost = 10;

/**
 * KiScanReadyQueues, once a second for one processor in turn: threads of priority 1 to 14 that starve get priority 15
 * and four units of quantum. Priority 0 is never looked at.
 */
export function* scanReadyQueues(kernel: Kernel, cpu: Cpu): Steps {
  const { memory, layout } = kernel;
  const last = kernel.symbol("KiReadyScanLast");
  const scanned = processorOf(kernel, memory.u32(last, 0));
  memory.w32(last, 0, (scanned.id + 1) % kernel.cpus.length);
  yield* acquireDispatcherLock(kernel, cpu);
  yield* acquire(kernel, scanned.prcb, layout.prcb.PrcbLock);
  const shared = sharedQueue(kernel, scanned);
  for (const queue of shared === undefined
    ? [ownQueue(kernel, scanned)]
    : [ownQueue(kernel, scanned), shared])
    yield* scanQueue(kernel, cpu, scanned, queue);
  release(kernel, scanned.prcb, layout.prcb.PrcbLock);
  releaseDispatcherLock(kernel, cpu);
  yield* exitDispatcher(kernel, cpu, waitReason.WrDispatchInt);
}

function* scanQueue(kernel: Kernel, cpu: Cpu, home: Cpu, queue: ReadyQueue): Steps {
  const { memory, lists, layout } = kernel;
  const { QueueIndex } = layout.prcb;
  let index = Math.max(1, memory.u32(home.prcb, QueueIndex));
  let scanned = 0;
  let boosted = 0;
  for (let list = 1; list < boostPriority; list++) {
    if (index >= boostPriority) index = 1;
    const summary = memory.u32(queue.va, queue.summary);
    const entries = (summary & (1 << index)) === 0 ? [] : lists.entries(queue.va + queue.heads + 16 * index);
    for (const entry of entries) {
      if (scanned === scannedAtMost || boosted === boostedAtMost) {
        memory.w32(home.prcb, QueueIndex, index);
        return;
      }
      scanned++;
      const thread = entry - layout.thread.WaitListEntry;
      const starved = tickCount(kernel) - memory.u32(thread, layout.thread.WaitTime) >= starvingTicks;
      if (starved) boosted++;
      if (starved) yield* boostStarving(kernel, cpu, home, thread, index);
    }
    index++;
  }
  memory.w32(home.prcb, QueueIndex, 1);
}

function* boostStarving(kernel: Kernel, cpu: Cpu, home: Cpu, thread: number, index: number): Steps {
  const { memory, layout } = kernel;
  const priority = priorityOf(kernel, thread);
  assertKernel(
    priority === index,
    "KiScanReadyQueues",
    () => `a thread of priority ${priority} is in list ${index}`,
  );
  yield* removeReadyThread(kernel, home, thread);
  const decrement = memory.s8(thread, layout.thread.PriorityDecrement);
  memory.w8(thread, layout.thread.PriorityDecrement, decrement + boostPriority - priority);
  memory.w8(thread, layout.thread.Priority, boostPriority);
  resetQuantum(kernel, thread, 4);
  insertDeferredReadyList(kernel, cpu, thread);
}
