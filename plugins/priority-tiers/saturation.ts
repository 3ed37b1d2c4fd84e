import type { DomainSnapshot } from "vmmsched/plugin-api";
import type { Demand } from "./demand.js";
import type { Tier } from "./tier.js";

/** Does a strict tier saturate the host, and for how many ticks in a row has that been contradicted? Plain data. */
export interface Standing {
  saturated: boolean;
  ticks: number;
}

/** How the standing of a tier turns. */
export interface Saturation {
  /** Physical CPUs that guests run on. Undefined: all that the host has. */
  readonly hostCpus?: number;
  readonly busyTicks: number;
  readonly idleTicks: number;
}

/**
 * The highest strict tier that saturates the host together with those above it, and so outranks all below; the last tier
 * where there is none. `standings`: by name of the tier; brought up to date.
 */
export function saturatingTier(
  tiers: readonly Tier[],
  demands: readonly Demand[],
  standings: Map<string, Standing>,
  { hostCpus, busyTicks, idleTicks }: Saturation & { readonly hostCpus: number },
): number {
  let highest = tiers.length - 1;
  for (let index = tiers.length - 1; index >= 0; index--) {
    const tier = tiers[index];
    if (tier?.strict !== true) continue;
    const standing = standings.get(tier.name) ?? { saturated: false, ticks: 0 };
    standings.set(tier.name, standing);
    const isSaturated = wantedCpus(demands, index) >= hostCpus;
    standing.ticks = standing.saturated === isSaturated ? 0 : standing.ticks + 1;
    if (standing.ticks >= (isSaturated ? busyTicks : idleTicks)) {
      standing.saturated = isSaturated;
      standing.ticks = 0;
    }
    if (standing.saturated) highest = index;
  }
  return highest;
}

/** CPUs that tiers down to this one could use: no domain more than it has vCPUs, and none that has no say. */
function wantedCpus(demands: readonly Demand[], lowest: number): number {
  const threads = new Map<DomainSnapshot, number>();
  for (const { domain, tier, memory } of demands)
    if (tier <= lowest && domain.hasSay) threads.set(domain, (threads.get(domain) ?? 0) + memory.threads);
  let cpus = 0;
  for (const [domain, wanted] of threads) cpus += Math.min(domain.vcpuCount, wanted);
  return cpus;
}
