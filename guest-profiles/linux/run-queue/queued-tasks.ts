import { isKernelObject, nullVa, vaOffset, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import type { LinuxFacts } from "../facts.js";
import { mostLevels } from "./fair-queue.js";
import type { RunQueueLayout } from "./layout.js";

/** More than a guest ever has to do, on all CPUs together; what is beyond is not looked at. */
const mostEntities = 16384;
/** Links from the root of a tree; a red-black tree of that many entities has less. */
const deepest = 40;
const right = 8;
const left = 16;

/**
 * Calls `visit` with the address of every task_struct that is on the fair run queue of a CPU or runs there, without the idle
 * tasks. Works on a running guest: trees change under the walk, so a task may be missed, and what is visited need
 * not be a task any more. Bounded, whatever the guest's memory says.
 */
export function forEachQueuedTask(facts: LinuxFacts, visit: (task: GuestVa) => void): void {
  const { space, symbols, runQueue, cpus } = facts;
  const offset = symbols.get("runqueues");
  if (typeof runQueue === "string" || offset === undefined) return;
  const walk: Walk = { space, layout: runQueue, visit, left: mostEntities };
  for (const { area } of cpus) {
    const rq = vaOffset(area, offset);
    const current = space.pointer(rq, runQueue.rq.curr);
    if (isKernelObject(current) && !space.pointsTo(rq, runQueue.rq.idle, current)) visit(current);
    walkQueue(walk, vaOffset(rq, runQueue.rq.cfs), 0);
  }
}

interface Walk {
  readonly space: AddressSpace;
  readonly layout: RunQueueLayout;
  readonly visit: (task: GuestVa) => void;
  left: number;
}

function walkQueue(walk: Walk, cfs: GuestVa, level: number): void {
  if (level === mostLevels) return;
  const { space, layout } = walk;
  walkTree(walk, space.pointer(cfs, layout.cfsRq.timeline), 0, level);
  // Of a group, one entity may run, while others of the same group wait.
  const current = space.pointer(cfs, layout.cfsRq.curr);
  if (isKernelObject(current)) walkGroup(walk, current, level);
}

function walkTree(walk: Walk, node: GuestVa, depth: number, level: number): void {
  if (!isKernelObject(node) || depth === deepest || walk.left-- <= 0) return;
  const { space, layout } = walk;
  const entity = vaOffset(node, -layout.entity.runNode);
  walkTree(walk, space.pointer(node, left), depth + 1, level);
  if (!walkGroup(walk, entity, level)) walk.visit(vaOffset(entity, -layout.task.entity));
  walkTree(walk, space.pointer(node, right), depth + 1, level);
}

/** Walks the queue of the group that `entity` stands for; false where it stands for a task. */
function walkGroup(walk: Walk, entity: GuestVa, level: number): boolean {
  const { groupQueue } = walk.layout.entity;
  const group = groupQueue === undefined ? nullVa : walk.space.pointer(entity, groupQueue);
  if (!isKernelObject(group)) return false;
  walkQueue(walk, group, level + 1);
  return true;
}
