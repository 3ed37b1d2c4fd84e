import { JOBCTL_TRAP_FREEZE, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE } from "./constants.js";
import type { Cpu, Kernel } from "./kernel.js";
import { cgroup, task } from "./offsets.js";
import { newCssSet } from "./psi.js";
import { tryToWakeUp } from "./schedule.js";
import { signalWakeUp } from "./signal.js";
import type { Process } from "./thread.js";

/** The guest's administrator moves a process into a cgroup of its own, whose cgroup.freeze he then writes (kernel/cgroup/freezer.c). */
export function freezeProcess(kernel: Kernel, cpu: Cpu, process: Process, freeze: boolean): void {
  const { memory } = kernel;
  writeFreeze(kernel, process, freeze);
  for (const { va } of process.threads) {
    const jobctl = memory.u32(va, task.jobctl);
    if (freeze) {
      memory.w32(va, task.jobctl, jobctl | JOBCTL_TRAP_FREEZE);
      signalWakeUp(kernel, cpu, va, TASK_INTERRUPTIBLE);
    } else {
      memory.w32(va, task.jobctl, jobctl & ~JOBCTL_TRAP_FREEZE);
      tryToWakeUp(kernel, cpu, va, TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE);
    }
  }
}

/** cgroup_freeze before it has come to the tasks. */
export function writeFreeze(kernel: Kernel, process: Process, freeze: boolean): void {
  const { memory, cgroups } = kernel;
  const [leader] = process.threads;
  if (leader === undefined) return;
  let set = memory.s64(leader.va, task.cgroups);
  if (set === cgroups.user) {
    const pressure = memory.s64(memory.s64(set, cgroup.dfl_cgrp), cgroup.psi);
    const sibling = memory.s64(memory.s64(set, cgroup.dfl_cgrp), cgroup.kn);
    const own = { inode: ownInode + leader.pid, name: "frozen", group: pressure };
    const made = newCssSet(memory, kernel.allocator, own);
    memory.w64(made.node, cgroup.parent, memory.s64(sibling, cgroup.parent));
    set = made.set;
    for (const { va } of process.threads) memory.w64(va, task.cgroups, set);
  }
  memory.w32(memory.s64(set, cgroup.dfl_cgrp), cgroup.e_freeze, freeze ? 1 : 0);
}

/** kernfs numbers cgroups as they are made; these are told apart by the process in them. */
const ownInode = 10_000;
