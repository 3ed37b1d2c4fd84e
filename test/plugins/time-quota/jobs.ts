import type { HostSketch, ProcessSketch } from "../../../core/testing.js";
import type { Budget } from "../../../plugins/time-quota/budget.js";
import type { Options } from "../../../plugins/time-quota/index.js";

export const jobs: Budget = {
  name: "jobs",
  processes: [{ domain: "*", process: "job*" }],
  children: true,
  sharing: "together",
  limits: [{ percent: 30, percentOf: "cpu", periodMs: 1000, burstMs: 0 }],
};
export const options: Options = { budgets: [jobs], maxWaitMs: 600_000 };

export function budget(changed: Partial<Budget>): Partial<Options> {
  return { budgets: [{ ...jobs, ...changed }] };
}

export function limited(...limits: readonly Partial<Budget["limits"][number]>[]): Partial<Options> {
  return budget({
    limits: limits.map((limit) => ({
      percent: 30,
      percentOf: "cpu" as const,
      periodMs: 1000,
      burstMs: 0,
      ...limit,
    })),
  });
}

/** By `domain/process`: percent of a CPU used in the interval before a tick. */
type Uses = Readonly<Record<string, number>>;

/**
 * A host at ticks 100 ms apart, or at the times in ms that are given, the first one at 0. A process is there at the
 * ticks that name it, and uses nothing between intervals.
 */
export function ticks(
  ...uses: readonly (Uses | readonly [timeMs: number, uses: Uses])[]
): readonly HostSketch[] {
  const cpuMs = new Map<string, number>();
  return uses.map((each, tick) => {
    const [timeMs, use] = isTimed(each) ? each : [tick * 100, each];
    const domains = new Map<string, ProcessSketch[]>();
    for (const [path, cpuPercent] of Object.entries(use)) {
      const [domain = "", name = ""] = path.split("/");
      cpuMs.set(path, (cpuMs.get(path) ?? 0) + cpuPercent);
      const process = { name, pid: pidOf(name), cpuPercent, cpuMs: cpuMs.get(path) ?? 0 };
      domains.set(domain, [...(domains.get(domain) ?? []), process]);
    }
    return {
      timeMs,
      intervalMs: tick === 0 ? 0 : 100,
      domains: Array.from(domains, ([name, processes]) => ({ name, processes })),
    };
  });
}

function isTimed<T>(each: T | readonly [timeMs: number, T]): each is readonly [timeMs: number, T] {
  return Array.isArray(each);
}

/** The same at every tick, whoever else is there. */
function pidOf(process: string): number {
  return 100 + process.charCodeAt(process.length - 1);
}

/** One job at each tick, as {@link ticks}. */
export function job(
  ...percents: readonly (number | readonly [timeMs: number, percent: number])[]
): readonly HostSketch[] {
  return ticks(
    ...percents.map((each) =>
      isTimed(each) ? ([each[0], { "a/job1": each[1] }] as const) : { "a/job1": each },
    ),
  );
}

/** The job alone at one tick, having used this in all, and this percentage of a CPU in the last 100 ms. */
export function seen(
  timeMs: number,
  cpuMs: number,
  cpuPercent = 0,
  more: Partial<ProcessSketch> = {},
): HostSketch {
  const process = { name: "job1", pid: pidOf("job1"), cpuMs, cpuPercent, ...more };
  return { timeMs, domains: [{ name: "a", processes: [process] }] };
}

/** What is held when the job is. */
export const one = ["a/job1"];
