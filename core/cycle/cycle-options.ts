import type { Config } from "../config/schema.js";
import { guardOptions, type GuardOptions } from "../guard/guard-options.js";

/** What the cycle takes from the configuration. */
export interface CycleOptions {
  readonly intervalNs: number;
  /** Each tick comes up to so much of the interval before or after its time. @default 0 */
  readonly jitterPercent?: number;
  /** While nothing happens the interval grows up to this one. @default intervalNs */
  readonly slowestIntervalNs?: number;
  /** `late`: pause only to edit, only the domains to edit. `early`: pause all during the whole tick, as the paper does. */
  readonly pause: "late" | "early";
  readonly pauseBudgetNs: number;
  readonly maxTasks: number;
  /** Decide and tell, but pause and write nothing. */
  readonly dryRun?: boolean;
  readonly domains: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  /** Default: that of the configuration. */
  readonly guard?: GuardOptions;
}
export const CycleOptions = Symbol("CycleOptions");

/** What a configuration says of the cycle. */
export function cycleOptions(config: Config): CycleOptions {
  const { intervalMs, slowestIntervalMs = intervalMs, jitterPercent, pause, pauseBudgetMs } = config;
  const { maxTasks, domains } = config;
  return {
    ...{ pause, jitterPercent, maxTasks, domains, guard: guardOptions(config.guard) },
    intervalNs: intervalMs * 1e6,
    slowestIntervalNs: slowestIntervalMs * 1e6,
    pauseBudgetNs: pauseBudgetMs * 1e6,
  };
}

/** With `pause: early` guests wait for the policies, and no longer than they may be paused. */
export function policyDeadlineMs({ pause, policyDeadlineMs: deadlineMs, pauseBudgetMs }: Config): number {
  return pause === "early" ? Math.min(deadlineMs, pauseBudgetMs) : deadlineMs;
}
