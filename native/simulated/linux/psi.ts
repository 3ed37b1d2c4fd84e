import { debian61 } from "../layouts/debian-6.1.js";
import type { KernelImage } from "./kernel-image.js";
import type { KernelMemory } from "./kernel-memory.js";
import type { Cpu, Kernel } from "./kernel.js";
import { cgroup, psiGroup, psiGroupCpu, task } from "./offsets.js";
import type { PageAllocator } from "./page-allocator.js";

/** enum psi_task_count and psi_states as bits (include/linux/psi_types.h); nothing here waits for I/O or memory. */
const NR_RUNNING = 2;
const TSK_RUNNING = 1 << NR_RUNNING;
const TSK_ONCPU = 1 << 4;
const PSI_CPU_SOME = 1 << 4;
const PSI_CPU_FULL = 1 << 5;
const PSI_NONIDLE = 1 << 6;
const PSI_ONCPU = 1 << 7;
const countedStates = [4, 5, 6] as const;

/** Counters of the system and of one cgroup, which a kernel allocates behind its static per-CPU variables. */
export const pressureBytes = 2 * psiGroupCpu.size;
const rootInode = 1;
const userInode = 5062;

/** The root cgroup, whose pressure is psi_system's, and one below it. Returns a css_set in each. */
export function newCgroups(
  memory: KernelMemory,
  image: KernelImage,
  allocator: PageAllocator,
): { root: number; user: number } {
  const system = image.address("psi_system");
  const user = memory.pageAddress(allocator.zeroedPage());
  for (const [group, parent, slot] of [
    [system, 0, 0],
    [user, system, 1],
  ] as const) {
    memory.w64(group, psiGroup.parent, parent);
    memory.write(group, psiGroup.enabled, Uint8Array.of(1));
    memory.w64(group, psiGroup.pcpu, debian61.perCpuBytes + slot * psiGroupCpu.size);
  }
  memory.w32(image.address("psi_cgroups_enabled"), 0, 1);
  return newCssSets(memory, allocator, user);
}

function newCssSets(memory: KernelMemory, allocator: PageAllocator, userGroup: number) {
  const root = newCssSet(memory, allocator, { inode: rootInode, name: "", group: 0 });
  const user = newCssSet(memory, allocator, { inode: userInode, name: "user.slice", group: userGroup });
  memory.w64(user.node, cgroup.parent, root.node);
  return { root: root.set, user: user.set };
}

/** A css_set, its cgroup, and the node of that in kernfs, in a page. `group` is for its pressure; 0: the system's. */
export function newCssSet(
  memory: KernelMemory,
  allocator: PageAllocator,
  { inode, name, group }: { inode: number; name: string; group: number },
): { set: number; node: number } {
  const set = memory.pageAddress(allocator.zeroedPage());
  const own = set + 1024;
  const node = own + cgroup.size;
  memory.w64(set, cgroup.dfl_cgrp, own);
  memory.w64(own, cgroup.psi, group);
  memory.w64(own, cgroup.kn, node);
  memory.w64(node, cgroup.id, inode);
  const text = node + cgroup.nodeSize;
  memory.write(text, 0, Buffer.from(`${name}\0`, "latin1"));
  memory.w64(node, cgroup.name, text);
  return { set, node };
}

/** psi_enqueue (kernel/sched/stats.h). */
export function psiEnqueue(kernel: Kernel, cpu: Cpu, va: number): void {
  taskChange(kernel, cpu, va, 0, TSK_RUNNING);
}

/** psi_dequeue of a task that moves to another CPU: what it is goes with it. */
export function psiDequeue(kernel: Kernel, cpu: Cpu, va: number): void {
  taskChange(kernel, cpu, va, kernel.memory.u32(va, task.psi_flags), 0);
}

/** psi_task_switch, without its short cut for common ancestors; who sleeps leaves the running ones here. */
export function psiTaskSwitch(kernel: Kernel, cpu: Cpu, prev: number, next: number): void {
  if (next !== cpu.idle.va) taskChange(kernel, cpu, next, 0, TSK_ONCPU);
  if (prev === cpu.idle.va) return;
  const sleeps = kernel.memory.u32(prev, task.on_rq) === 0;
  flagsChange(kernel, cpu, prev, TSK_ONCPU | (sleeps ? TSK_RUNNING : 0), 0);
  for (const group of groupsOf(kernel, prev)) {
    const isShared = next !== cpu.idle.va && groupsOf(kernel, next).includes(group);
    groupChange(kernel, cpu, group, (isShared ? 0 : TSK_ONCPU) | (sleeps ? TSK_RUNNING : 0), 0);
  }
}

function taskChange(kernel: Kernel, cpu: Cpu, va: number, clear: number, set: number): void {
  flagsChange(kernel, cpu, va, clear, set);
  for (const group of groupsOf(kernel, va)) groupChange(kernel, cpu, group, clear, set);
}

function flagsChange(kernel: Kernel, cpu: Cpu, va: number, clear: number, set: number): void {
  const { memory } = kernel;
  const flags = memory.u32(va, task.psi_flags);
  if ((flags & set) !== 0 || (flags & clear) !== clear) {
    const hex = (bits: number): string => bits.toString(16);
    kernel.console.complain(
      `psi: inconsistent task state! task=${String(memory.u32(va, task.pid))} cpu=${String(cpu.id)} ` +
        `psi_flags=${hex(flags)} clear=${hex(clear)} set=${hex(set)}`,
    );
  }
  memory.w32(va, task.psi_flags, (flags & ~clear) | set);
}

/** task_psi_group, and the groups above it. */
function groupsOf({ memory, image }: Kernel, va: number): readonly number[] {
  const own = memory.s64(memory.s64(va, task.cgroups), cgroup.dfl_cgrp);
  const isRoot = memory.s64(memory.s64(own, cgroup.kn), cgroup.id) === rootInode;
  const groups: number[] = [];
  let group = isRoot ? image.address("psi_system") : memory.s64(own, cgroup.psi);
  for (; group !== 0; group = memory.s64(group, psiGroup.parent)) groups.push(group);
  return groups;
}

/** psi_group_change, with record_times. */
function groupChange(kernel: Kernel, cpu: Cpu, group: number, clear: number, set: number): void {
  const { memory } = kernel;
  const counts = countsOf(kernel, cpu, group);
  const running = psiGroupCpu.tasks + 4 * NR_RUNNING;
  const before = memory.u32(counts, psiGroupCpu.state_mask);
  memory.w32(counts, psiGroupCpu.seq, memory.u32(counts, psiGroupCpu.seq) + 2);
  if ((clear & TSK_RUNNING) !== 0) {
    const count = memory.u32(counts, running);
    if (count === 0) kernel.console.complain(`psi: task underflow! cpu=${String(cpu.id)} t=2`);
    else memory.w32(counts, running, count - 1);
  }
  if ((set & TSK_RUNNING) !== 0) memory.w32(counts, running, memory.u32(counts, running) + 1);
  const kept = (clear & TSK_ONCPU) !== 0 ? 0 : before & PSI_ONCPU;
  const onCpu = (set & TSK_ONCPU) !== 0 ? PSI_ONCPU : kept;
  const since = memory.s64(counts, psiGroupCpu.state_start);
  const now = Math.max(kernel.nowNs, since);
  for (const state of countedStates) {
    const at = psiGroupCpu.times + 4 * state;
    if ((before & (1 << state)) !== 0) memory.w32(counts, at, memory.u32(counts, at) + now - since);
  }
  memory.w64(counts, psiGroupCpu.state_start, now);
  memory.w32(counts, psiGroupCpu.state_mask, stateMask(memory.u32(counts, running), onCpu));
}

/** test_states. */
function stateMask(running: number, onCpu: number): number {
  if (running === 0) return onCpu;
  const some = running > (onCpu === 0 ? 0 : 1) ? PSI_CPU_SOME : 0;
  return onCpu | some | (onCpu === 0 ? PSI_CPU_FULL : 0) | PSI_NONIDLE;
}

function countsOf({ memory }: Kernel, cpu: Cpu, group: number): number {
  return cpu.area + memory.s64(group, psiGroup.pcpu);
}

/** What the counters of a CPU contradict, if anything: the flags of the tasks there, or each other. */
export function checkPressure(kernel: Kernel, cpu: Cpu): string | undefined {
  const { memory } = kernel;
  const running = new Map<number, number>();
  for (const { va, pid } of kernel.threads.values()) {
    if (pid === 0) continue;
    const isRunning = (memory.u32(va, task.psi_flags) & TSK_RUNNING) !== 0;
    if (isRunning !== (memory.u32(va, task.on_rq) === 1))
      return `psi_flags of task ${String(pid)} are not what its run queue says`;
    if (!isRunning || memory.u32(va, task.cpu) !== cpu.id) continue;
    for (const group of groupsOf(kernel, va)) running.set(group, (running.get(group) ?? 0) + 1);
  }
  for (const group of new Set([kernel.image.address("psi_system"), ...running.keys()])) {
    const counts = countsOf(kernel, cpu, group);
    const count = memory.u32(counts, psiGroupCpu.tasks + 4 * NR_RUNNING);
    if (count !== (running.get(group) ?? 0))
      return `psi counts ${String(count)} running tasks, but there are ${String(running.get(group) ?? 0)}`;
    const mask = memory.u32(counts, psiGroupCpu.state_mask);
    if (mask !== stateMask(count, mask & PSI_ONCPU)) return `psi state_mask is ${mask.toString(16)}`;
  }
  return undefined;
}
