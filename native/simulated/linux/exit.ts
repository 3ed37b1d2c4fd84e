import { EXIT_DEAD, EXIT_ZOMBIE, PF_EXITING, TASK_DEAD } from "./constants.js";
import type { Cpu, Kernel } from "./kernel.js";
import { signal, task } from "./offsets.js";
import { schedule } from "./schedule.js";
import { killGroup } from "./signal.js";
import type { Thread } from "./thread.js";
import { freeStack } from "./vmalloc.js";

/** do_exit of the running thread (kernel/exit.c). A leader takes its whole group with it, as exit_group does. */
export function doExit(kernel: Kernel, cpu: Cpu, thread: Thread): void {
  const { memory, lists } = kernel;
  const { process } = thread;
  memory.w32(thread.va, task.flags, memory.u32(thread.va, task.flags) | PF_EXITING);
  if (thread.leader === thread && process.threads.length > 1) killGroup(kernel, cpu, thread);
  cpu.timers.cancel(thread);
  memory.w64(thread.va, task.mm, 0);
  memory.w32(thread.va, task.state, TASK_DEAD);
  thread.place = "dead";
  memory.w32(process.signal, signal.live, Math.max(0, memory.u32(process.signal, signal.live) - 1));
  if (thread.leader === thread) {
    memory.w32(thread.va, task.exit_state, EXIT_ZOMBIE);
  } else {
    memory.w32(thread.va, task.exit_state, EXIT_DEAD);
    lists.del(thread.va + task.thread_node);
    process.threads.splice(process.threads.indexOf(thread), 1);
    memory.w32(process.signal, signal.nr_threads, process.threads.length);
  }
  schedule(kernel, cpu);
}

/** finish_task_switch after a dead thread: its stack goes, and its task_struct unless it is a zombie. */
export function finishDead(kernel: Kernel, thread: Thread): void {
  freeStack(kernel, thread.stack, thread.stackPages);
  if (thread.leader !== thread) {
    freeTask(kernel, thread);
    return;
  }
  // mmput: lazy users of its page tables go over to the kernel's own.
  const { root, mm, argumentsPage } = thread.process;
  if (mm === 0) return;
  for (const cpu of kernel.cpus) if (cpu.root === root) cpu.root = kernel.initRoot;
  kernel.tables.free(root);
  kernel.slabs.mm.free(mm);
  kernel.slabs.page.free(argumentsPage);
}

/** wait4 of a parent: releases every child that is a zombie and whose threads are gone. */
export function reapChildren(kernel: Kernel, parent: Thread): void {
  const { children } = parent.process;
  for (const child of [...children]) {
    if (
      child.place !== "dead" ||
      child.process.threads.length > 1 ||
      kernel.memory.u32(child.va, task.on_cpu) !== 0
    )
      continue;
    children.splice(children.indexOf(child), 1);
    releaseTask(kernel, child);
  }
}

/** release_task of a group leader: out of every list, then its memory is free for the next fork. */
function releaseTask(kernel: Kernel, leader: Thread): void {
  const { memory, lists, slabs, initTask } = kernel;
  for (const orphan of leader.process.children) {
    lists.del(orphan.va + task.sibling);
    if (initTask === undefined) continue;
    const reaper = initTask.process.children.find((one) => one.pid === 1) ?? initTask;
    lists.addTail(orphan.va + task.sibling, reaper.va + task.children);
    memory.w64(orphan.va, task.real_parent, reaper.va);
    memory.w64(orphan.va, task.parent, reaper.va);
    reaper.process.children.push(orphan);
  }
  memory.w32(leader.va, task.exit_state, EXIT_DEAD);
  lists.del(leader.va + task.sibling);
  lists.del(leader.va + task.tasks);
  lists.del(leader.va + task.thread_node);
  slabs.signal.free(leader.process.signal);
  slabs.sighand.free(leader.process.sighand);
  freeTask(kernel, leader);
}

function freeTask(kernel: Kernel, thread: Thread): void {
  kernel.threads.delete(thread.va);
  kernel.slabs.task.free(thread.va);
}
