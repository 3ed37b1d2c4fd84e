import type { DomainSnapshot, HostSnapshot, ProcessSnapshot } from "vmmsched/plugin-api";
import type { Condition, Rules } from "./options.js";
import { isIn, processSet, setIn, wildcard, type ProcessSet } from "./process-pattern.js";
import { hostPercent, workIn, workOf, type DomainLoad, type Unexplained } from "./work.js";

/** A condition ready to be checked. Plain data. */
export interface Watch {
  readonly domains: "others" | readonly RegExp[];
  readonly processes: ProcessSet;
  readonly hostCpuPercent: number | undefined;
}

export function watchOf({ domains = [], processes = [], hostCpuPercent }: Condition): Watch {
  return {
    domains: domains === "others" ? domains : domains.map(wildcard),
    processes: processSet(processes),
    hostCpuPercent,
  };
}

/** A tick as a group sees it. */
export interface View {
  readonly host: HostSnapshot;
  /** In the order of the host's domains. */
  readonly loads: readonly DomainLoad[];
  readonly rules: Rules;
  readonly unexplained: Unexplained;
  /** The group itself: what it does speaks against nobody. */
  readonly own: ReadonlySet<ProcessSnapshot>;
}

/**
 * What speaks against the condition, in words, for processes of a domain: undefined when it holds. Each part is looked
 * into once, whatever domain it is asked for.
 */
export function obstacles(watch: Watch, view: View): (home: DomainSnapshot) => string | undefined {
  const { host, loads, rules, unexplained } = view;
  const everywhere = workOfHost(watch, view) ?? workOfProcesses(watch.processes, view);
  const { domains } = watch;
  const busy = loads
    .filter(({ domain }) => domains === "others" || domains.some((each) => each.test(domain.name)))
    .flatMap((load) => {
      const work = workIn(load, rules, unexplained, host.intervalNs);
      return work === undefined ? [] : [{ domain: load.domain, work }];
    });
  return (home) =>
    (domains === "others" ? busy.find(({ domain }) => domain !== home) : busy[0])?.work ?? everywhere;
}

function workOfHost({ hostCpuPercent }: Watch, { host, loads }: View): string | undefined {
  if (hostCpuPercent === undefined) return undefined;
  const used = hostPercent(loads, host);
  return used > hostCpuPercent ? `the domains used ${used.toFixed(0)} % of the host` : undefined;
}

function workOfProcesses(set: ProcessSet, { host, rules, own }: View): string | undefined {
  for (const domain of host.domains) {
    const here = setIn(set, domain.name);
    if (here.length === 0) continue;
    for (const process of domain.processes) {
      if (own.has(process) || !isIn(here, process)) continue;
      const work = workOf(process, domain, rules, host.intervalNs);
      if (work !== undefined) return work;
    }
  }
  return undefined;
}
