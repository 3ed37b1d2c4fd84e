import { isKernelObject, isVmmschedError, vaOffset, type GuestVa } from "vmmsched/plugin-api";
import { PF_KTHREAD, STACK_END_MAGIC } from "./constants.js";
import type { LinuxFacts } from "./facts.js";
import { isLinked } from "./task-list.js";

/** Static priority of nice 0 (DEFAULT_PRIO, include/linux/sched/prio.h): the idle task's. */
const DEFAULT_PRIO = 120;
/** Larger than any kernel's stacks (THREAD_SIZE is 16 KiB, with KASAN up to 64). */
const mostStackBytes = 1 << 17;

/** Something that must be so in every running kernel, if these members are where they are said to be. */
interface Check {
  /** As the layout names them: `task.comm`. */
  readonly keys: readonly string[];
  readonly claim: string;
  holds(facts: LinuxFacts, init: GuestVa): boolean;
}

const checks: readonly Check[] = [
  {
    keys: ["task.comm"],
    claim: "init_task is called swapper",
    holds: ({ space, layout, initTask }) =>
      space.cstring(initTask, layout.task.comm, 16).startsWith("swapper"),
  },
  {
    keys: ["task.tasks", "task.pid", "task.tgid"],
    claim: "the task list goes round, and begins with process 1",
    holds: (facts, init) =>
      isLinked(facts, vaOffset(facts.initTask, facts.layout.task.tasks)) &&
      facts.space.i32(init, facts.layout.task.pid) === 1 &&
      facts.space.i32(init, facts.layout.task.tgid) === 1,
  },
  {
    keys: ["task.flags"],
    claim: "init_task is a kernel thread, process 1 is none",
    holds: ({ space, layout, initTask }, init) =>
      (space.u32(initTask, layout.task.flags) & PF_KTHREAD) !== 0 &&
      (space.u32(init, layout.task.flags) & PF_KTHREAD) === 0,
  },
  {
    keys: ["task.staticPrio"],
    claim: "init_task has nice 0",
    holds: ({ space, layout, initTask }) => space.u32(initTask, layout.task.staticPrio) === DEFAULT_PRIO,
  },
  {
    keys: ["task.signal", "signal.threadHead", "task.threadNode"],
    claim: "process 1 leads the list of its threads",
    holds: ({ space, layout }, init) => {
      const signal = space.pointer(init, layout.task.signal);
      return (
        isKernelObject(signal) &&
        space.pointsTo(signal, layout.signal.threadHead, vaOffset(init, layout.task.threadNode))
      );
    },
  },
  {
    keys: ["task.stack"],
    claim: "the stack of process 1 ends with STACK_END_MAGIC",
    holds: ({ space, layout }, init) =>
      space.u32(space.pointer(init, layout.task.stack), 0) === STACK_END_MAGIC,
  },
  {
    keys: ["task.savedStackPointer"],
    claim: "the saved stack pointer of process 1 lies in its stack",
    holds: ({ space, layout }, init) => {
      const used =
        space.pointer(init, layout.task.savedStackPointer) - space.pointer(init, layout.task.stack);
      return used > 0 && used < mostStackBytes;
    },
  },
  {
    keys: ["task.mm"],
    claim: "process 1 has memory of its own, init_task has none",
    holds: ({ space, layout, initTask }, init) =>
      isKernelObject(space.pointer(init, layout.task.mm)) && space.pointer(initTask, layout.task.mm) === 0,
  },
  {
    keys: ["task.sighand"],
    claim: "process 1 has signal handlers",
    holds: ({ space, layout }, init) => isKernelObject(space.pointer(init, layout.task.sighand)),
  },
];

/** What came of the check of a member. */
export interface Checked {
  readonly holds: boolean;
  readonly claim: string;
}

/**
 * Holds the layout against what stands in memory; the result is by the layout's names of members. Only what never changes
 * while a kernel runs is looked at: the idle task and process 1.
 */
export function checkLayout(facts: LinuxFacts): ReadonlyMap<string, Checked> {
  const { space, layout, initTask } = facts;
  const init = vaOffset(space.pointer(initTask, layout.task.tasks), -layout.task.tasks);
  const results = new Map<string, Checked>();
  for (const check of checks) {
    // A member that this kernel lacks is told as such.
    if (check.keys.some((key) => Number.isNaN(offsetOf(facts, key)))) continue;
    const { claim } = check;
    const holds = isKernelObject(init) && quietly(() => check.holds(facts, init));
    for (const key of check.keys) results.set(key, { holds, claim });
  }
  return results;
}

function offsetOf({ layout }: LinuxFacts, key: string): number {
  const [group, name] = key.split(".");
  const members = layout[group as "task"] as Readonly<Record<string, number>>;
  return members[name ?? ""] ?? Number.NaN;
}

/** What cannot be read does not hold. */
function quietly(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (isVmmschedError(error)) return false;
    throw error;
  }
}
