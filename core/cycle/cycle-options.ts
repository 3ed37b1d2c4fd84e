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
