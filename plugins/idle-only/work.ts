import type { DomainSnapshot, HostSnapshot, ProcessSnapshot, TaskSnapshot } from "vmmsched/plugin-api";
import type { Rules } from "./options.js";

/** A domain at one tick: what in it may count as work. */
export interface DomainLoad {
  readonly domain: DomainSnapshot;
  /** Its processes without kernel threads and those whose work does not count. */
  readonly counted: readonly ProcessSnapshot[];
  /** CPU time that the hypervisor charged, less what the guest accounts to processes that do not count. */
  readonly beyondNs: number;
}

/** By uuid of a domain: for how many ticks in a row it has used more than its processes account for. */
export type Unexplained = ReadonlyMap<string, number>;

export function loadOf(domain: DomainSnapshot, uncounted: ReadonlySet<ProcessSnapshot>): DomainLoad {
  const users = domain.processes.filter((process) => !process.kernel);
  const uncountedNs = users
    .filter((process) => uncounted.has(process))
    .reduce((sum, process) => sum + Math.max(0, process.cpuTimeDeltaNs), 0);
  return {
    domain,
    counted: users.filter((process) => !uncounted.has(process)),
    beyondNs: Math.max(0, domain.cpuTimeDeltaNs - uncountedNs),
  };
}

/**
 * What in the domain is work, in words; undefined when it is idle. Its run queues say so first. The hypervisor's
 * own accounting confirms them, and is all that is known of an unmanaged domain.
 */
export function workIn(
  load: DomainLoad,
  rules: Rules,
  unexplained: Unexplained,
  intervalNs: number,
): string | undefined {
  const { domain, counted, beyondNs } = load;
  if (domain.paused || !domain.hasSay) return undefined;
  if (rules.judgedBy === "guest")
    for (const process of counted) {
      const work = workOf(process, domain, rules, intervalNs);
      if (work !== undefined) return work;
    }
  if ((unexplained.get(domain.uuid) ?? 0) < rules.domainBusyTicks) return undefined;
  return `${domain.name} used ${percent(beyondNs, intervalNs).toFixed(0)} % of a CPU`;
}

/** What the process does, in words; undefined when it is idle. */
export function workOf(
  process: ProcessSnapshot,
  domain: DomainSnapshot,
  rules: Rules,
  intervalNs: number,
): string | undefined {
  if (domain.paused || !domain.hasSay) return undefined;
  const where = `${process.name} in ${domain.name}`;
  if (process.threads.some((thread) => wantsCpu(thread, rules))) return `${where} is runnable`;
  if (rules.countBlocked && process.threads.some(({ state }) => state === "blocked"))
    return `${where} waits for I/O`;
  // Nothing in a guest can have used more than the hypervisor let the guest use, wherever its clocks jump.
  const used = percent(Math.min(process.cpuTimeDeltaNs, domain.cpuTimeDeltaNs), intervalNs);
  return used > rules.processCpuPercent ? `${where} used ${used.toFixed(0)} % of a CPU` : undefined;
}

/** For how many ticks in a row, this one included, each domain was charged for more than it shows. */
export function unexplainedNow(
  loads: Iterable<DomainLoad>,
  rules: Rules,
  before: Unexplained,
  intervalNs: number,
): Unexplained {
  const now = new Map<string, number>();
  for (const { domain, beyondNs } of loads)
    if (!domain.paused && percent(beyondNs, intervalNs) > rules.domainCpuPercent)
      now.set(domain.uuid, (before.get(domain.uuid) ?? 0) + 1);
  return now;
}

/** Percent of the host's physical CPUs that all domains that have a say use together. */
export function hostPercent(loads: Iterable<DomainLoad>, { intervalNs, cpuCount }: HostSnapshot): number {
  let usedNs = 0;
  for (const { domain, beyondNs } of loads) if (domain.hasSay) usedNs += beyondNs;
  return percent(usedNs, intervalNs) / Math.max(1, cpuCount);
}

function wantsCpu({ state }: TaskSnapshot, { countWaiting }: Rules): boolean {
  return state === "running" || (countWaiting && state === "queued");
}

/** Share of one CPU; nothing can be said of an interval without length. */
function percent(cpuTimeNs: number, intervalNs: number): number {
  return intervalNs > 0 ? (100 * cpuTimeNs) / intervalNs : 0;
}
