import type { DomainShare } from "../hypervisor.js";
import { holdStates } from "../snapshot/task-columns.js";
import type { Cycle } from "./cycle.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { ManagedDomain } from "./managed-domain.js";
import type { PauseSummary } from "./pause-meter.js";
import type { SchedulerLoop } from "./scheduler-loop.js";

/** Held tasks, and changed priorities, that a status lists; the counts are always right. */
const mostListed = 1000;

export interface DomainStatusReport {
  readonly name: string;
  readonly id: number;
  readonly managed: boolean;
  /** Why it is not managed. */
  readonly reason?: string;
  /** What its guest complained of after edits of ours: everything in it is being undone, or has been. */
  readonly complaint?: string;
  readonly profile?: string;
  /** Weight, cap and I/O limit, where we have changed one of them; and what others gave it. */
  readonly share?: DomainShare;
  readonly ownShare?: DomainShare;
  /** Why it does not get the share that is wished for it, or its own back. */
  readonly shareProblem?: string;
  /** Why what it wants does not count for others, and for how long as it looks now. */
  readonly lostSay?: { readonly reason: string; readonly seconds: number };
}

export interface HeldTask {
  readonly domain: string;
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
}

/** A priority that was changed, in the guest's own scale. */
export interface ChangedPriority extends HeldTask {
  readonly priority: number;
  /** What the guest itself gave it. */
  readonly own: number;
}

/** How a scheduler is doing. */
export interface SchedulerStatus {
  readonly ticks: number;
  /** Ticks that came so late that the next one was due already. */
  readonly missedTicks: number;
  /** Between two ticks, as things are. */
  readonly intervalNs: number;
  readonly domains: readonly DomainStatusReport[];
  readonly heldCount: number;
  readonly held: readonly HeldTask[];
  /** Tasks whose priority is not their own. */
  readonly priorityCount: number;
  readonly priorities: readonly ChangedPriority[];
  /** Domains whose share is not their own. */
  readonly shareCount: number;
  readonly pauses?: PauseSummary;
}

/** As of the last tick. */
export function schedulerStatus(
  loop: SchedulerLoop,
  cycle: Cycle,
  registry: DomainRegistry,
): SchedulerStatus {
  const pauses = cycle.pauses.summary();
  return {
    ...loop.counts,
    intervalNs: loop.intervalNs,
    domains: registry.domains.map((domain) => domainStatus(domain, cycle)),
    heldCount: cycle.heldTasks(),
    held: heldTasks(cycle, registry),
    priorityCount: cycle.changedPriorities(),
    priorities: changedPriorities(registry),
    shareCount: cycle.shares.changed,
    ...(pauses === undefined ? {} : { pauses }),
  };
}

function domainStatus(domain: ManagedDomain, { shares, guard }: Cycle): DomainStatusReport {
  const { info, managed, reason, profileName, complaint } = domain;
  const { present: share, own: ownShare } = domain.shares;
  const shareProblem = shares.problemOf(domain);
  const lost = guard.lostSay(domain);
  return {
    name: info.name,
    id: info.id,
    managed,
    ...(managed ? {} : { reason: reason || "its task lists could not be read in the last tick" }),
    ...(complaint === undefined ? {} : { complaint }),
    ...(profileName === undefined ? {} : { profile: profileName }),
    ...(ownShare === undefined ? {} : { ...(share === undefined ? {} : { share }), ownShare }),
    ...(shareProblem === undefined ? {} : { shareProblem }),
    ...(lost === undefined
      ? {}
      : { lostSay: { reason: lost.reason, seconds: Math.ceil(lost.leftNs / 1e9) } }),
  };
}

function changedPriorities({ domains }: DomainRegistry): readonly ChangedPriority[] {
  return domains
    .flatMap(({ info, managed, priorities }) =>
      (managed ? priorities.changed() : []).map(({ process: pid, id: tid, name, set, original: own }) => {
        return { domain: info.name, pid, tid, name, priority: set ?? own, own };
      }),
    )
    .slice(0, mostListed);
}

function heldTasks({ columns, tasks }: Cycle, registry: DomainRegistry): readonly HeldTask[] {
  const unheld = holdStates.indexOf("none");
  const held: HeldTask[] = [];
  for (let row = 0; row < tasks && held.length < mostListed; row++) {
    if (columns.hold[row] === unheld) continue;
    held.push({
      domain: registry.bySlot(columns.domain[row] ?? -1)?.info.name ?? "",
      pid: columns.process[row] ?? 0,
      tid: columns.id[row] ?? 0,
      name: columns.names.get(row, "latin1"),
    });
  }
  return held;
}
