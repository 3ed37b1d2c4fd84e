import type { ProcessPattern } from "./process-pattern.js";

/** How idleness is judged, and what follows from it. */
export interface Rules {
  readonly judgedBy: "guest" | "hypervisor";
  readonly processCpuPercent: number;
  readonly domainCpuPercent: number;
  readonly domainBusyTicks: number;
  readonly countWaiting: boolean;
  readonly countBlocked: boolean;
  readonly busyTicks: number;
  readonly idleTicks: number;
  readonly minRunMs: number;
  /** Without it, there is no trickle. */
  readonly maxWaitMs?: number;
  readonly trickleMs: number;
  readonly tricklePeriodMs: number;
}

/** All that is given must hold. */
export interface Condition {
  /** All domains but the process's own, or those whose names match, are idle. */
  readonly domains?: "others" | readonly string[];
  /** These processes are idle. */
  readonly processes?: readonly ProcessPattern[];
  /** The domains together use no more of the host's physical CPUs. */
  readonly hostCpuPercent?: number;
}

/** Processes that run under one condition. */
export interface Group extends Partial<Rules> {
  readonly name: string;
  readonly processes: readonly ProcessPattern[];
  readonly children: boolean;
  readonly runsWhile: Condition;
}

/** As plugin.json describes and fills them in. The rules are those of groups that do not say otherwise. */
export interface Options extends Rules {
  /** A group without a name of its own. */
  readonly background?: readonly ProcessPattern[];
  readonly groups?: readonly Group[];
  readonly ignore: readonly ProcessPattern[];
}

/** All groups, each with all of its rules. */
export function groupsOf(options: Options): readonly (Group & Rules)[] {
  const { background, groups = [], ...rules } = options;
  const unnamed: readonly Group[] =
    background === undefined
      ? []
      : [{ name: "background", processes: background, children: true, runsWhile: { domains: "others" } }];
  return [...unnamed, ...groups].map((group) => ({ ...rules, ...group }));
}
