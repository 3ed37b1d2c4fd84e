import type { DomainSnapshot, HostSnapshot, Policy, ProcessSnapshot, Wish } from "../../core/plugin-api.js";
import { processMatcher, type ProcessMatcher, type ProcessPattern } from "./process-pattern.js";

/** As plugin.json describes and fills them in. */
export interface Options {
  readonly background: readonly ProcessPattern[];
  readonly ignore: readonly ProcessPattern[];
  readonly processCpuPercent: number;
  readonly domainCpuPercent: number;
  readonly busyTicks: number;
  readonly idleTicks: number;
}

/** How the background of one domain stands: is it held, and for how many ticks has the host contradicted that? */
interface Standing {
  held: boolean;
  ticks: number;
}

export interface State {
  readonly background: ProcessMatcher;
  readonly ignored: ProcessMatcher;
  /** By uuid of the domain that the background processes live in. */
  standings: ReadonlyMap<string, Standing>;
}

export default {
  init(options, previous?: State) {
    return {
      background: processMatcher(options.background),
      ignored: processMatcher(options.ignore),
      standings: previous?.standings ?? new Map<string, Standing>(),
    };
  },

  decide(host, options, state) {
    const busy = host.domains.filter((domain) => isBusy(domain, host, options, state));
    const standings = new Map<string, Standing>();
    const wishes: Wish[] = [];
    for (const domain of host.domains) {
      const background = domain.processes.filter(
        (process) => canBeHeld(process) && state.background(domain.name, process.name),
      );
      if (background.length === 0) continue;
      const before = state.standings.get(domain.uuid) ?? { held: background.some(isHeld), ticks: 0 };
      const othersBusy = busy.some((other) => other !== domain);
      // The first snapshot has no interval to judge by: what is stays.
      const standing = host.intervalNs === 0 ? before : next(before, othersBusy, options);
      standings.set(domain.uuid, standing);
      if (standing.held) wishes.push(...background.map((target) => ({ kind: "hold", target }) as const));
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
 * Does anything in the domain count as work? Its run queues say so first. The hypervisor's own accounting confirms
 * them, and is all that is known of an unmanaged domain.
 */
function isBusy(domain: DomainSnapshot, host: HostSnapshot, options: Options, state: State): boolean {
  if (domain.paused) return false;
  let uncountedNs = 0;
  for (const process of domain.processes) {
    if (process.kernel) continue;
    if (state.background(domain.name, process.name) || state.ignored(domain.name, process.name)) {
      uncountedNs += process.cpuTimeDeltaNs;
    } else {
      if (process.runnable) return true;
      if (percent(process.cpuTimeDeltaNs, host.intervalNs) > options.processCpuPercent) return true;
    }
  }
  return percent(domain.cpuTimeDeltaNs - uncountedNs, host.intervalNs) > options.domainCpuPercent;
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
