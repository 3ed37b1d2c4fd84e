import type { Cpu, Kernel } from "./kernel.js";
import { current } from "./kernel.js";
import { attachTask, detachTask, movable } from "./load-balance.js";
import { cfsRq, rq, sighand, task } from "./offsets.js";

/**
 * What a vCPU was in the middle of when its time stopped. Pausing a machine gives no consistency: locks are held and
 * things are half done, and nobody may touch them until the vCPU has gone on.
 */
export interface CriticalSection {
  readonly kind: "rq lock" | "siglock" | "pi_lock" | "migrating";
  /** Lock word, or the task that moves. */
  readonly va: number;
  readonly offset: number;
  /** What the lock protects, as it was: whoever changes it meanwhile has broken in. */
  readonly guarded: readonly number[];
}

/** Stops a vCPU that runs a thread between two small steps, with something held. */
export function enterCriticalSection(kernel: Kernel, cpu: Cpu): void {
  const { memory, random } = kernel;
  const thread = current(kernel, cpu);
  if (
    cpu.critical !== undefined ||
    cpu.spin !== undefined ||
    thread === cpu.idle ||
    memory.u32(cpu.rq, rq.lock) !== 0
  )
    return;
  switch (random.below(4)) {
    case 0:
      hold(kernel, cpu, "rq lock", cpu.rq, rq.lock);
      return;
    case 1:
      hold(kernel, cpu, "siglock", thread.process.sighand, sighand.siglock);
      return;
    case 2:
      hold(kernel, cpu, "pi_lock", thread.va, task.pi_lock);
      return;
    default: {
      const moving = movable(kernel, cpu);
      if (moving === 0 || kernel.cpus.length < 2) return;
      detachTask(kernel, cpu, moving);
      cpu.critical = {
        kind: "migrating",
        va: moving,
        offset: task.on_rq,
        guarded: [memory.u32(moving, task.state)],
      };
    }
  }
}

function hold(
  kernel: Kernel,
  cpu: Cpu,
  kind: "rq lock" | "siglock" | "pi_lock",
  va: number,
  offset: number,
): void {
  if (kernel.memory.u32(va, offset) !== 0) return;
  kernel.memory.w32(va, offset, 1);
  cpu.critical = { kind, va, offset, guarded: guardedBy(kernel, cpu, kind) };
}

/** Goes on: the section ends as it would have. */
export function leaveCriticalSection(kernel: Kernel, cpu: Cpu): void {
  const section = cpu.critical;
  if (section === undefined) return;
  cpu.critical = undefined;
  const { memory, console } = kernel;
  if (section.kind === "migrating") {
    if (memory.u32(section.va, section.offset) !== 2)
      console.complain("BUG: a task in migration had its on_rq changed");
    attachTask(kernel, cpu, section.va);
    return;
  }
  if (memory.u32(section.va, section.offset) === 0)
    console.complain(`BUG: spinlock already unlocked on CPU#${String(cpu.id)}: ${section.kind}`);
  const now = guardedBy(kernel, cpu, section.kind);
  if (now.some((value, i) => value !== section.guarded[i]))
    console.complain(`BUG: what the ${section.kind} of CPU#${String(cpu.id)} protects was changed under it`);
  memory.w32(section.va, section.offset, 0);
}

function guardedBy(kernel: Kernel, cpu: Cpu, kind: CriticalSection["kind"]): readonly number[] {
  const { memory, tree } = kernel;
  const thread = current(kernel, cpu);
  if (kind === "rq lock") {
    const timeline = cpu.cfs + cfsRq.tasks_timeline;
    return [memory.s64(timeline, 0), tree.first(timeline), memory.u32(cpu.rq, rq.nr_running), thread.va];
  }
  return kind === "siglock"
    ? [memory.u32(thread.va, task.jobctl)]
    : [memory.u32(thread.va, task.state), memory.u32(thread.va, task.on_rq)];
}
