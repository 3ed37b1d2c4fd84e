import { isKernelObject, VmmschedError, formatVa, vaOffset, type GuestVa } from "vmmsched/plugin-api";
import type { LinuxFacts } from "./facts.js";

/** More tasks than any kernel has (PID_MAX_LIMIT): a longer list is a loop. */
const mostTasks = 4 * 1024 * 1024;
/** Offset of `prev` in struct list_head. */
const prev = 8;

/**
 * Calls `visit` with the address of every task_struct but the idle tasks: process by process, leader first, as
 * for_each_process_thread does. The lists change under us, so each link is followed only if the next node points back;
 * a broken or endless one throws ERR_GUEST_CORRUPT and the caller starts over.
 */
export function forEachTask(facts: LinuxFacts, visit: (task: GuestVa, leader: boolean) => void): void {
  const { tasks } = facts.layout.task;
  const head = vaOffset(facts.initTask, tasks);
  let steps = 0;
  for (let node = follow(facts, head); node !== head; node = follow(facts, node)) {
    if (++steps > mostTasks) throw new VmmschedError("ERR_GUEST_CORRUPT", "the task list does not end");
    const leader = vaOffset(node, -tasks);
    visit(leader, true);
    steps += forEachOtherThread(facts, leader, visit);
  }
}

/** Visits the threads of a process after its leader; returns how many. */
function forEachOtherThread(
  facts: LinuxFacts,
  leader: GuestVa,
  visit: (task: GuestVa, leader: boolean) => void,
): number {
  const { signal, threadNode } = facts.layout.task;
  const group = facts.space.pointer(leader, signal);
  if (!isKernelObject(group)) throw broken(leader);
  const head = vaOffset(group, facts.layout.signal.threadHead);
  let count = 0;
  for (let node = follow(facts, head); node !== head; node = follow(facts, node)) {
    if (++count > mostTasks) throw new VmmschedError("ERR_GUEST_CORRUPT", "a thread list does not end");
    const task = vaOffset(node, -threadNode);
    if (task !== leader) visit(task, false);
  }
  return count;
}

/** Is `node` still on its list: do both neighbours point to it? */
export function isLinked(facts: LinuxFacts, node: GuestVa): boolean {
  const next = facts.space.pointer(node, 0);
  const before = facts.space.pointer(node, prev);
  if (!isKernelObject(next) || !isKernelObject(before)) return false;
  return facts.space.pointsTo(next, prev, node) && facts.space.pointsTo(before, 0, node);
}

function follow(facts: LinuxFacts, node: GuestVa): GuestVa {
  const next = facts.space.pointer(node, 0);
  if (!isKernelObject(next) || !facts.space.pointsTo(next, prev, node)) throw broken(node);
  return next;
}

function broken(at: GuestVa): VmmschedError {
  return new VmmschedError("ERR_GUEST_CORRUPT", `the list at ${formatVa(at)} is broken or changing`, {
    va: formatVa(at),
  });
}
