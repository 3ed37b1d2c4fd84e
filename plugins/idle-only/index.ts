import type { DomainSnapshot, HostSnapshot, Policy, ProcessSnapshot, Wish } from "vmmsched/plugin-api";
import { inAny, processSets, type ProcessPattern, type ProcessSets } from "./process-pattern.js";

/** As plugin.json describes and fills them in. */
export interface Options {
  readonly background: readonly ProcessPattern[];
  readonly ignore: readonly ProcessPattern[];
  readonly processCpuPercent: number;
  readonly domainCpuPercent: number;
  readonly domainBusyTicks: number;
  readonly busyTicks: number;
  readonly idleTicks: number;
}

/** How the background of one domain stands: is it held, and for how many ticks has the host contradicted that? */
interface Standing {
  held: boolean;
  ticks: number;
}

export interface State {
  readonly background: ProcessSets;
  readonly ignored: ProcessSets;
  /** By uuid of the domain that the background processes live in. */
  standings: ReadonlyMap<string, Standing>;
  /** By uuid of a domain: for how many ticks in a row it has used more than its processes account for. */
  unexplained: ReadonlyMap<string, number>;
}

export default {
  init(options, previous?: State) {
    return {
      background: processSets(options.background),
      ignored: processSets(options.ignore),
      standings: previous?.standings ?? new Map<string, Standing>(),
      unexplained: previous?.unexplained ?? new Map<string, number>(),
    };
  },

  decide(host, options, state) {
    const work = new Map(host.domains.map((domain) => [domain, workIn(domain, host, options, state)]));
    state.unexplained = new Map(
      host.domains.map((domain) => [domain.uuid, unexplainedTicks(domain, host, options, state)]),
    );
    const standings = new Map<string, Standing>();
    const wishes: Wish[] = [];
    for (const domain of host.domains) {
      const background = domain.processes.filter(
        (process) => canBeHeld(process) && inAny(state.background, domain.name, process.name),
      );
      if (background.length === 0) continue;
      const before = state.standings.get(domain.uuid) ?? { held: background.some(isHeld), ticks: 0 };
      const others = host.domains.filter((other) => other !== domain);
      const reason = others.map((other) => work.get(other)).find((each) => each !== undefined);
      // The first snapshot has no interval to judge by: what is stays.
      const standing = host.intervalNs === 0 ? before : next(before, reason !== undefined, options);
      standings.set(domain.uuid, standing);
      if (!standing.held) continue;
      const because = reason === undefined ? {} : { reason };
      for (const target of background) wishes.push({ kind: "hold", target, ...because });
    }
    state.standings = standings;
    return wishes;
  },
} satisfies Policy<Options, State>;

/** Hysteresis: the standing turns only after enough ticks in a row that speak against it. */
function next(before: Standing, othersBusy: boolean, options: Options): Standing {
  if (before.held === othersBusy) return { held: before.held, ticks: 0 };
  const ticks = before.ticks + 1;
  const enough = othersBusy ? options.busyTicks : options.idleTicks;
  return ticks >= enough ? { held: othersBusy, ticks: 0 } : { held: before.held, ticks };
}

/**
 * What in the domain counts as work, in words; undefined when it is idle. Its run queues say so first. The hypervisor's
 * own accounting confirms them, and is all that is known of an unmanaged domain.
 */
function workIn(
  domain: DomainSnapshot,
  host: HostSnapshot,
  options: Options,
  state: State,
): string | undefined {
  if (domain.paused) return undefined;
  for (const process of domain.processes) {
    if (process.kernel || isUncounted(domain, process, state)) continue;
    if (process.runnable) return `${process.name} in ${domain.name} is runnable`;
    const used = percent(process.cpuTimeDeltaNs, host.intervalNs);
    if (used > options.processCpuPercent)
      return `${process.name} in ${domain.name} used ${used.toFixed(0)} % of a CPU`;
  }
  if (unexplainedTicks(domain, host, options, state) < options.domainBusyTicks) return undefined;
  return `${domain.name} used ${unexplainedPercent(domain, host, state).toFixed(0)} % of a CPU`;
}

/** For how many ticks in a row, this one included, the hypervisor has charged the domain for more than it shows. */
function unexplainedTicks(
  domain: DomainSnapshot,
  host: HostSnapshot,
  options: Options,
  state: State,
): number {
  if (domain.paused || unexplainedPercent(domain, host, state) <= options.domainCpuPercent) return 0;
  return (state.unexplained.get(domain.uuid) ?? 0) + 1;
}

/** What the hypervisor charged, less what the guest accounts to processes that do not count. */
function unexplainedPercent(domain: DomainSnapshot, host: HostSnapshot, state: State): number {
  const uncountedNs = domain.processes
    .filter((process) => !process.kernel && isUncounted(domain, process, state))
    .reduce((sum, process) => sum + process.cpuTimeDeltaNs, 0);
  return percent(domain.cpuTimeDeltaNs - uncountedNs, host.intervalNs);
}

function isUncounted(domain: DomainSnapshot, process: ProcessSnapshot, state: State): boolean {
  return (
    inAny(state.background, domain.name, process.name) || inAny(state.ignored, domain.name, process.name)
  );
}

/** Share of one CPU; nothing can be said of an interval without length. */
function percent(cpuTimeNs: number, intervalNs: number): number {
  return intervalNs > 0 ? (100 * cpuTimeNs) / intervalNs : 0;
}

function canBeHeld(process: ProcessSnapshot): boolean {
  return !process.kernel && !process.untouchable;
}

/** Held already, by us in an earlier life: the state is lost, the hold is not. */
function isHeld(process: ProcessSnapshot): boolean {
  return process.threads.some((thread) => thread.hold === "held" || thread.hold === "holding");
}
