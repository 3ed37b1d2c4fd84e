import { BugCheck } from "./bug-check.js";
import { dispatcherHeader, irql, KOBJECT_LOCK_BIT, lockQueue } from "./constants.js";
import type { Cpu, Kernel, Steps } from "./kernel.js";
import { isVista } from "./object.js";

/** Raises CR8, to DISPATCH_LEVEL at least; returns what it was. Whoever holds a spin lock has done so. */
export function raiseIrql(cpu: Cpu, level: number = irql.SYNCH_LEVEL): number {
  const before = cpu.irql;
  cpu.irql = Math.max(before, level);
  return before;
}

/** Takes the spin lock at `va + offset`: a word that is 0 or 1 (PrcbLock, ThreadLock, the lock of a shared ready queue). */
export function* acquire(kernel: Kernel, va: number, offset: number): Steps {
  while (kernel.memory.u32(va, offset) !== 0) yield "spin";
  kernel.memory.w32(va, offset, 1);
  yield "step";
}

export function release(kernel: Kernel, va: number, offset: number): void {
  if (kernel.memory.u32(va, offset) === 0)
    throw new BugCheck("SPIN_LOCK_NOT_OWNED", "somebody released a lock of the dispatcher that was held");
  kernel.memory.w32(va, offset, 0);
}

/** Vista's dispatcher lock, a queued spin lock: LockQueue[0] of the processor that holds it says so. Later builds have none. */
export function* acquireDispatcherLock(kernel: Kernel, cpu: Cpu): Steps {
  if (!isVista(kernel)) return;
  const { memory, layout } = kernel;
  const lock = kernel.symbol("KiDispatcherLock");
  while (memory.s64(lock, 0) !== 0) yield "spin";
  const queue = cpu.prcb + layout.prcb.LockQueue;
  memory.w64(lock, 0, queue);
  memory.w64(queue, lockQueue.Lock, lock + lockQueue.owner);
  yield "step";
}

export function releaseDispatcherLock(kernel: Kernel, cpu: Cpu): void {
  if (!isVista(kernel)) return;
  const { memory, layout } = kernel;
  const lock = kernel.symbol("KiDispatcherLock");
  const queue = cpu.prcb + layout.prcb.LockQueue;
  if (memory.s64(lock, 0) !== queue)
    throw new BugCheck("SPIN_LOCK_NOT_OWNED", "the dispatcher lock has another owner");
  memory.w64(queue, lockQueue.Lock, lock);
  memory.w64(lock, 0, 0);
}

/** Locks a dispatcher object: by the dispatcher lock in Vista, by a bit of its header later. */
export function* lockObject(kernel: Kernel, cpu: Cpu, object: number): Steps {
  if (isVista(kernel)) {
    yield* acquireDispatcherLock(kernel, cpu);
    return;
  }
  const { memory } = kernel;
  while ((memory.u8(object, dispatcherHeader.Type) & KOBJECT_LOCK_BIT) !== 0) yield "spin";
  memory.w8(object, dispatcherHeader.Type, memory.u8(object, dispatcherHeader.Type) | KOBJECT_LOCK_BIT);
  yield "step";
}

export function unlockObject(kernel: Kernel, cpu: Cpu, object: number): void {
  if (isVista(kernel)) {
    releaseDispatcherLock(kernel, cpu);
    return;
  }
  const { memory } = kernel;
  memory.w8(object, dispatcherHeader.Type, memory.u8(object, dispatcherHeader.Type) & ~KOBJECT_LOCK_BIT);
}
