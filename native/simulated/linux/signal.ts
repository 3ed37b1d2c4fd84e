import {
  JOBCTL_PENDING_MASK,
  JOBCTL_TRAP_FREEZE,
  SIGKILL,
  SIGNAL_GROUP_EXIT,
  TASK_FREEZABLE,
  TASK_INTERRUPTIBLE,
  TASK_WAKEKILL,
  TIF_SIGPENDING,
} from "./constants.js";
import { doExit } from "./exit.js";
import type { Cpu, Kernel } from "./kernel.js";
import { sighand, signal, task } from "./offsets.js";
import { schedule, tryToWakeUp } from "./schedule.js";
import type { Thread } from "./thread.js";

const killBit = 1 << (SIGKILL - 1);

/**
 * get_signal (kernel/signal.c) on the way to user mode: a group exit first, then the freezer's trap, then leaving the
 * frozen state. It may switch to another thread; the trap goes on here when this one runs again.
 */
export function getSignal(kernel: Kernel, cpu: Cpu, thread: Thread): void {
  const { memory } = kernel;
  if (memory.u32(thread.process.sighand, sighand.siglock) !== 0) {
    cpu.spin = {
      lock: thread.process.sighand,
      offset: sighand.siglock,
      sinceNs: kernel.nowNs,
      reported: false,
    };
    return;
  }
  if ((memory.u32(thread.process.signal, signal.flags) & SIGNAL_GROUP_EXIT) !== 0) {
    doExit(kernel, cpu, thread);
    return;
  }
  const jobctl = memory.u32(thread.va, task.jobctl);
  if ((jobctl & JOBCTL_TRAP_FREEZE) !== 0 && (jobctl & JOBCTL_PENDING_MASK) === 0) {
    doFreezerTrap(kernel, cpu, thread);
    return;
  }
  // cgroup_leave_frozen(false): the thread's cgroup is not frozen, so nothing sets the trap again.
  const word = memory.u32(thread.va, task.frozenWord);
  if ((word & task.frozenBit) !== 0) memory.w32(thread.va, task.frozenWord, word & ~task.frozenBit);
  // dequeue_signal: the programs here handle no signal, what pends is ignored; then recalc_sigpending.
  memory.w64(thread.va, task.pending, 0);
  memory.w32(thread.va, task.tif, memory.u32(thread.va, task.tif) & ~TIF_SIGPENDING);
  thread.place = "user";
}

/** do_freezer_trap: sleeps until somebody clears the bit and wakes it; TIF_SIGPENDING would keep schedule from it. */
function doFreezerTrap(kernel: Kernel, cpu: Cpu, thread: Thread): void {
  const { memory } = kernel;
  memory.w32(thread.va, task.state, TASK_INTERRUPTIBLE | TASK_FREEZABLE);
  memory.w32(thread.va, task.tif, memory.u32(thread.va, task.tif) & ~TIF_SIGPENDING);
  memory.w32(thread.va, task.frozenWord, memory.u32(thread.va, task.frozenWord) | task.frozenBit);
  thread.place = "trap";
  schedule(kernel, cpu);
}

/** complete_signal for a fatal signal: the whole group gets SIGKILL, whatever each thread waits for. */
export function killGroup(kernel: Kernel, cpu: Cpu, thread: Thread): void {
  const { memory } = kernel;
  const { signal: va, threads } = thread.process;
  memory.w32(va, signal.flags, memory.u32(va, signal.flags) | SIGNAL_GROUP_EXIT);
  for (const one of threads) {
    memory.w32(one.va, task.pending, memory.u32(one.va, task.pending) | killBit);
    signalWakeUp(kernel, cpu, one.va, TASK_INTERRUPTIBLE | TASK_WAKEKILL);
  }
}

/** signal_wake_up_state: the thread looks at its signals, and wakes for that from these states. */
export function signalWakeUp(kernel: Kernel, cpu: Cpu, va: number, states: number): void {
  const { memory } = kernel;
  memory.w32(va, task.tif, memory.u32(va, task.tif) | TIF_SIGPENDING);
  if (!tryToWakeUp(kernel, cpu, va, states)) kickRunning(kernel, cpu, va);
}

/** kick_process: a thread that runs on another CPU looks at its signals after an interrupt. */
function kickRunning(kernel: Kernel, cpu: Cpu, va: number): void {
  const on = kernel.cpus[kernel.memory.u32(va, task.cpu)];
  if (on !== undefined && on !== cpu) on.vectors.add(0xfd);
}
