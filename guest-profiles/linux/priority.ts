import {
  vaOffset,
  type EditTransaction,
  type GuestVa,
  type NotNow,
  type PriorityChange,
} from "vmmsched/plugin-api";
import {
  PF_KTHREAD,
  SCHED_DEADLINE,
  SCHED_FIFO,
  SCHED_IDLE,
  SCHED_RR,
  TASK_NEW,
  TASK_ON_RQ_QUEUED,
  TASK_WAKING,
} from "./constants.js";
import type { LinuxFacts } from "./facts.js";
import { FairQueue } from "./run-queue/fair-queue.js";
import { lockedRunQueueOf } from "./run-queue/of-task.js";
import { Overlay } from "./run-queue/overlay.js";
import { reweighTask, type Load, type ReweighTools } from "./run-queue/reweigh.js";
import { refuse } from "./task-guards.js";
import { firstPriority, isFairPriority, readWeights } from "./weights.js";

/** One for all guests: a plan begins and ends it. */
const overlay = new Overlay();

/** Changes static priorities in one guest. */
export interface PriorityMethod {
  /** For operators. */
  readonly how: string;
  /** Stages the change; `hidden`: the task is not on the guest's lists. */
  plan(change: PriorityChange, hidden: boolean, edit: EditTransaction): "planned" | NotNow;
}

/**
 * set_user_nice() (kernel/sched/core.c, syscalls.c since 6.11) from outside: priority fields, and for a fair task its load
 * with all that is summed up of it. In words why it does not work in this kernel.
 */
export function changePriority(facts: LinuxFacts): PriorityMethod | string {
  const { runQueue, symbols } = facts;
  if (typeof runQueue === "string") return `its run queues are not known: ${runQueue}`;
  const fairClass = symbols.get("fair_sched_class");
  if (fairClass === undefined) return "the kernel has no symbol fair_sched_class";
  const loads = readWeights(facts);
  if (typeof loads === "string") return loads;
  const tools: ReweighTools = { layout: runQueue, overlay, queue: new FairQueue(overlay, runQueue) };
  return {
    how: "static priority and weight, with the sums of its run queue, from outside",
    plan(change, hidden, edit) {
      const task = change.address;
      const refusal = refuse(facts, change, hidden, edit) ?? refusePriority(facts, task);
      if (refusal !== undefined) return refusal;
      const present = facts.space.u32(task, facts.layout.task.staticPrio);
      if (present === change.priority) return "nothing to do";
      if (!isFairPriority(change.priority) || !isFairPriority(present)) return "untouchable";
      const rq = lockedQueue(facts, task, edit);
      if (typeof rq === "string") return rq;
      overlay.begin(facts.space);
      overlay.watch(true);
      const problem = setUserNice(tools, facts.layout.task.staticPrio, fairClass, loads, rq, change);
      if (problem !== undefined) return problem;
      overlay.stage(edit);
      return "planned";
    },
  };
}

/**
 * The kernel's own threads and init keep theirs. A worker of io_uring begins with that of the thread that needs it, ours
 * perhaps, and has to get back its own.
 */
function refusePriority({ space, layout }: LinuxFacts, task: GuestVa): NotNow | undefined {
  const kernel = (space.u32(task, layout.task.flags) & PF_KTHREAD) !== 0;
  return kernel || space.i32(task, layout.task.tgid) <= 1 ? "untouchable" : undefined;
}

/** task_rq_lock: the run queue of the task, while nobody holds its lock or the task's own, and the task does not change queues. */
function lockedQueue(facts: LinuxFacts, task: GuestVa, edit: EditTransaction): GuestVa | NotNow {
  const { space, layout } = facts;
  const at = layout.task;
  if (space.u32(task, at.piLock) !== 0) return "lock held";
  const [state, onRq] = [space.u32(task, at.state), space.u32(task, at.onRq)];
  if ((state & (TASK_NEW | TASK_WAKING)) !== 0) return "wake-up under way";
  if (onRq !== 0 && onRq !== TASK_ON_RQ_QUEUED) return "migrating";
  edit.expect32(task, at.piLock, 0).expect32(task, at.state, state).expect32(task, at.onRq, onRq);
  const locked = lockedRunQueueOf(facts, task, edit);
  if (typeof locked === "string") return locked;
  // Both say whether it is queued; they differ only while somebody is at it.
  const isQueued = space.u32(task, locked.layout.task.entity + locked.layout.entity.onRq) & 0xff;
  return isQueued === onRq ? locked.rq : "queue inconsistent";
}

/** set_user_nice() on the overlay. */
function setUserNice(
  tools: ReweighTools,
  staticPrio: number,
  fairClass: GuestVa,
  loads: readonly Load[],
  rq: GuestVa,
  { address: task, priority }: PriorityChange,
): NotNow | undefined {
  const { layout, overlay } = tools;
  const at = layout.task;
  const policy = overlay.u32(task, at.policy);
  const before = overlay.u32(task, staticPrio);
  overlay.write32(task, staticPrio, priority);
  if (policy === SCHED_FIFO || policy === SCHED_RR || policy === SCHED_DEADLINE) return undefined;
  // Boosted by a waiter of an rt_mutex that it holds. A fair one may differ as well: who is forked while its parent is reniced has
  // the new prio, and the rest as before (sched_fork); like the guest's own effective_prio(), we make them one again.
  if (!isFairPriority(overlay.u32(task, at.prio))) return "lock held";
  const normalPrio = overlay.u32(task, at.normalPrio);
  if (overlay.pointer(task, at.schedClass) !== fairClass || isCoreScheduled(tools, rq))
    return "not by this method";
  if (normalPrio !== before) return "queue inconsistent";
  overlay.write32(task, at.normalPrio, priority);
  overlay.write32(task, at.prio, priority);
  // Tasks of SCHED_IDLE weigh the same whatever their nice value.
  if (policy === SCHED_IDLE) return undefined;
  const [old, load] = [loads[before - firstPriority], loads[priority - firstPriority]];
  if (load === undefined || overlay.s64(vaOffset(task, at.entity), layout.entity.weight) !== old?.weight)
    return "queue inconsistent";
  return reweighTask(tools, task, rq, load) === undefined ? undefined : "queue inconsistent";
}

/** Core scheduling has a lock of its own for several run queues, and a tree of tasks by priority. */
function isCoreScheduled({ layout, overlay }: ReweighTools, rq: GuestVa): boolean {
  const { coreEnabled } = layout.rq;
  return coreEnabled !== undefined && overlay.u32(rq, coreEnabled) !== 0;
}
