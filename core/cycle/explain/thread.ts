import type { GuestKernel } from "../../guest-profile.js";
import { leastNice, mostNice, noNice } from "../../nice.js";
import type { PolicyAnswer, TaskWish } from "../../policies/policy-answer.js";
import type { Wishes } from "../../policies/policies.js";
import type { TaskSnapshot } from "../../policy.js";
import { taskFlags, type TaskColumns } from "../../snapshot/task-columns.js";
import type { LastTick } from "../cycle.js";
import type { TaskPriority } from "../priority-entries.js";
import type { TaskTimes, WantedChange } from "../task-history.js";
import type {
  ChangeExplanation,
  HoldExplanation,
  PriorityExplanation,
  ThreadExplanation,
} from "./explanation.js";

/** All that a thread's explanation is made of. */
export interface ThreadFacts {
  readonly last: LastTick;
  readonly nowNs: number;
  readonly columns: TaskColumns;
  readonly answers: readonly PolicyAnswer[];
  readonly kernel: GuestKernel | undefined;
  /** Threads of its domain whose priority is not their own, by the addresses of their structures. */
  readonly changed: ReadonlyMap<number, TaskPriority>;
  readonly times: TaskTimes | undefined;
  /** No change is ever tried. */
  readonly dryRun: boolean;
}

type Wished = readonly ({ readonly policy: string } & TaskWish)[];

/** Of one task of the last snapshot. */
export function explainThread(task: TaskSnapshot, facts: ThreadFacts): ThreadExplanation {
  const wished = facts.answers
    .map((answer) => ({ policy: answer.policy, ...answer.taskWish(task.row) }))
    .filter(({ hold, nice }) => hold !== undefined || nice !== undefined);
  const { id: tid, name, startTimeNs, state, cpu, cpuTimeNs } = task;
  return {
    ...{ tid, name, startTimeNs, state, cpu, cpuTimeNs, wished },
    hold: explainHold(task, wished, facts),
    priority: explainPriority(task, wished, facts),
  };
}

function explainHold(task: TaskSnapshot, wished: Wished, facts: ThreadFacts): HoldExplanation {
  const { times, nowNs, last } = facts;
  const { wishes } = last;
  const isWished = wishes.holds[task.row] === 1;
  const obstacle = isWished ? obstacleOf(task, facts.columns) : undefined;
  const counts = isWished && obstacle === undefined;
  const unwished = () =>
    whyNothing(
      wished.some(({ hold }) => hold !== undefined),
      task.row,
      last,
      "nobody wishes a hold",
    );
  const rule = counts ? "a hold counts if any policy wishes it" : (obstacle ?? unwished());
  const because = wishes.reasons[task.row];
  return {
    ...{ counts, rule, state: task.hold, foundHeld: times?.foundHeld ?? false },
    ...(counts && because !== undefined ? { because } : {}),
    ...optional("wishedForNs", counts ? passed(times?.holdWishedNs, nowNs) : undefined),
    ...optional("heldForNs", passed(times?.heldNs, nowNs)),
    ...optional("change", explainChange(times?.holdChange, facts)),
  };
}

function explainPriority(task: TaskSnapshot, wished: Wished, facts: ThreadFacts): PriorityExplanation {
  const { times, nowNs, last, kernel, columns, changed } = facts;
  const nice = last.wishes.nices[task.row] ?? noNice;
  const isWished = nice !== noNice;
  const obstacle = isWished ? (obstacleOf(task, columns) ?? cannotChange(kernel)) : undefined;
  const counts = isWished && obstacle === undefined;
  const because = last.wishes.niceReasons[task.row];
  const wanted = last.priorities[task.row] ?? task.priority;
  const entry = changed.get(columns.address[task.row] ?? 0);
  const ours = entry?.id === task.id && entry.startTimeNs === task.startTimeNs ? entry : undefined;
  const change = times?.priorityChange;
  const present = ours?.set ?? (change?.triedLast && change.outcome === "committed" ? wanted : task.priority);
  const own = ours?.original ?? present;
  const unwished = () =>
    whyNothing(
      wished.some((wish) => wish.nice !== undefined),
      task.row,
      last,
      "nobody wishes a nice value",
    );
  return {
    ...(counts ? { niceCounts: nice, ...optional("because", because) } : {}),
    rule: counts ? "the greatest nice value that is wished counts" : (obstacle ?? unwished()),
    ...optional("wishedForNs", counts ? passed(times?.niceWishedNs, nowNs) : undefined),
    ...{ wanted, present, ...optional("presentNice", niceOf(present, kernel)) },
    ...{ own, ...optional("ownNice", niceOf(own, kernel)) },
    ...optional("changedForNs", ours === undefined ? undefined : passed(times?.priorityNs, nowNs)),
    ...optional("change", explainChange(change, facts)),
  };
}

/** What keeps a wish for this task from being followed, as reconciling has it. */
function obstacleOf(task: TaskSnapshot, columns: TaskColumns): string | undefined {
  const flags = columns.flags[task.row] ?? 0;
  if ((flags & taskFlags.kernel) !== 0) return "does not count: threads of the kernel are never touched";
  if ((flags & taskFlags.untouchable) !== 0)
    return "does not count: init, System and what its profile never edits are never touched";
  return task.state === "exited" ? "does not count: it has ended" : undefined;
}

function cannotChange(kernel: GuestKernel | undefined): string | undefined {
  if (kernel?.priorityOf !== undefined) return undefined;
  const priority = kernel?.description.capabilities.priority;
  const why = priority?.can === false ? priority.why : "its profile cannot";
  return `does not count: priorities cannot be changed in this domain: ${why}`;
}

function whyNothing(
  isWished: boolean,
  row: number,
  { wishes, releaseAll }: LastTick,
  nobody: string,
): string {
  if (releaseAll) return "the scheduler is ending: everything is released and given back";
  if (!isWished) return nobody;
  return `does not count: ${dropReason(wishes, row) ?? "it was taken back after the policies were asked"}`;
}

function dropReason(wishes: Wishes, row: number): string | undefined {
  return wishes.dropped[row] === 1 ? wishes.dropReasons[row] : undefined;
}

function explainChange(
  change: WantedChange | undefined,
  { nowNs, dryRun }: ThreadFacts,
): ChangeExplanation | undefined {
  if (change === undefined || dryRun) return undefined;
  const { kind, sinceNs, tries, outcome, triedLast } = change;
  return {
    ...{ kind, wantedForNs: nowNs - sinceNs, tries, leftOver: !triedLast },
    ...optional("outcome", outcome),
  };
}

/** The only nice value that is this priority in the guest's own scale. */
function niceOf(priority: number, kernel: GuestKernel | undefined): number | undefined {
  if (kernel?.priorityOf === undefined) return undefined;
  let found: number | undefined;
  for (let nice = leastNice; nice <= mostNice; nice++) {
    if (kernel.priorityOf(nice) !== priority) continue;
    if (found !== undefined) return undefined;
    found = nice;
  }
  return found;
}

function passed(sinceNs: number | undefined, nowNs: number): number | undefined {
  return sinceNs === undefined || Number.isNaN(sinceNs) ? undefined : nowNs - sinceNs;
}

function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): Partial<Readonly<Record<Name, Value>>> {
  return value === undefined ? {} : ({ [name]: value } as Readonly<Record<Name, Value>>);
}
