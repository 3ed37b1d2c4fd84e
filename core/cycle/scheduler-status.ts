import { holdStates } from "../snapshot/task-columns.js";
import type { Cycle } from "./cycle.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { PauseSummary } from "./pause-meter.js";
import type { SchedulerLoop } from "./scheduler-loop.js";

/** Held tasks that a status lists; the count is always right. */
const mostListed = 1000;

export interface DomainStatusReport {
  readonly name: string;
  readonly id: number;
  readonly managed: boolean;
  /** Why it is not managed. */
  readonly reason?: string;
  readonly profile?: string;
}

export interface HeldTask {
  readonly domain: string;
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
}

/** How a scheduler is doing. */
export interface SchedulerStatus {
  readonly ticks: number;
  /** Ticks that came so late that the next one was due already. */
  readonly missedTicks: number;
  readonly domains: readonly DomainStatusReport[];
  readonly heldCount: number;
  readonly held: readonly HeldTask[];
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
    domains: registry.domains.map(({ info, managed, reason, profileName }) => ({
      name: info.name,
      id: info.id,
      managed,
      ...(managed ? {} : { reason: reason || "its task lists could not be read in the last tick" }),
      ...(profileName === undefined ? {} : { profile: profileName }),
    })),
    heldCount: cycle.heldTasks(),
    held: heldTasks(cycle, registry),
    ...(pauses === undefined ? {} : { pauses }),
  };
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
