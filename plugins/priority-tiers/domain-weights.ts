import type { DomainSnapshot } from "vmmsched/plugin-api";
import type { Demand } from "./demand.js";
import type { Tier } from "./tier.js";

export const leastWeight = 1;
const mostWeight = 65_535;

export interface DomainWeight {
  readonly domain: DomainSnapshot;
  readonly weight: number;
  /** Part of what all guests get that is its due, from 0 to 1. */
  readonly part: number;
}

/** How parts become weights. */
export interface WeightScale {
  readonly meanWeight: number;
  readonly weightOf: "vcpu" | "domain";
}

/** How many processes want to run, by tier. */
export function countByTier(tiers: readonly Tier[], wanting: Iterable<Demand>): readonly number[] {
  const counts = tiers.map(() => 0);
  for (const { tier } of wanting) counts[tier] = (counts[tier] ?? 0) + 1;
  return counts;
}

/**
 * A tier's share is divided among its processes that want to run, whatever domains they are in, and the due of a domain is
 * the sum of theirs: when one of them stops, its mates do not get what it leaves behind, but all processes of the host.
 */
export function domainWeights(
  tiers: readonly Tier[],
  wanting: ReadonlySet<Demand>,
  { meanWeight, weightOf }: WeightScale,
): readonly DomainWeight[] {
  const counts = countByTier(tiers, wanting);
  const all = tiers.reduce((sum, { weight }, tier) => sum + (counts[tier] === 0 ? 0 : weight), 0);
  const dues = new Map<DomainSnapshot, { part: number; threads: number }>();
  for (const { domain, tier, memory } of wanting) {
    const due = dues.get(domain) ?? { part: 0, threads: 0 };
    due.part += (tiers[tier]?.weight ?? 0) / (counts[tier] ?? 1) / all;
    due.threads += memory.meanThreads;
    dues.set(domain, due);
  }
  const bearers = Array.from(dues, ([domain, { part, threads }]) => {
    return { domain, part, count: weightOf === "vcpu" ? Math.min(domain.vcpuCount, Math.round(threads)) : 1 };
  });
  const bearerCount = bearers.reduce((sum, { count }) => sum + count, 0);
  const greatest = Math.max(...bearers.map(({ part, count }) => part / count));
  // Where the greatest one would not do, all are less: it is what they are to each other that counts.
  const scale = Math.min(meanWeight * bearerCount, mostWeight / greatest);
  return bearers.map(({ domain, part, count }) => {
    return { domain, part, weight: Math.max(leastWeight, Math.round((scale * part) / count)) };
  });
}
