import type { Config } from "../config/schema.js";

/** What the cycle takes from the configuration. */
export interface CycleOptions {
  readonly intervalNs: number;
  /** `late`: pause only to edit, only the domains to edit. `early`: pause all during the whole tick, as the paper does. */
  readonly pause: "late" | "early";
  readonly pauseBudgetNs: number;
  readonly maxTasks: number;
  /** Decide and tell, but pause and write nothing. */
  readonly dryRun?: boolean;
  readonly domains: { readonly include: readonly string[]; readonly exclude: readonly string[] };
}
export const CycleOptions = Symbol("CycleOptions");

/** What a configuration says of the cycle. */
export function cycleOptions({ intervalMs, pause, pauseBudgetMs, maxTasks, domains }: Config): CycleOptions {
  return { intervalNs: intervalMs * 1e6, pause, pauseBudgetNs: pauseBudgetMs * 1e6, maxTasks, domains };
}

/** With `pause: early` guests wait for the policies, and no longer than they may be paused. */
export function policyDeadlineMs({ pause, policyDeadlineMs: deadlineMs, pauseBudgetMs }: Config): number {
  return pause === "early" ? Math.min(deadlineMs, pauseBudgetMs) : deadlineMs;
}
