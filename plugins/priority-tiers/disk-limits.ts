import type { DomainSnapshot } from "vmmsched/plugin-api";
import type { Demand } from "./demand.js";
import type { Tier } from "./tier.js";

export interface DiskLimit {
  readonly domain: DomainSnapshot;
  readonly ioBytesPerSecond: number;
  /** The highest tier that uses the domain's disks. */
  readonly tier: string;
}

/** The limit of a domain's disks, and for how many ticks in a row there has been no reason for it. Plain data. */
export interface LimitStanding {
  readonly limit: number;
  readonly tier: string;
  ticks: number;
}

/** By uuid of the domain. */
export type LimitStandings = Map<string, LimitStanding>;

/**
 * A domain's disks have the limit of the highest tier that uses them, while a higher one wants a CPU or uses disks anywhere on the
 * host. So nobody of a higher tier is ever slowed down. `standings`: brought up to date; a limit goes after `ioTicks` ticks
 * without a reason.
 */
export function diskLimits(
  tiers: readonly Tier[],
  demands: readonly Demand[],
  standings: LimitStandings,
  ioTicks: number,
): readonly DiskLimit[] {
  if (tiers.every(({ ioBytesPerSecond }) => ioBytesPerSecond === undefined)) return [];
  const busiest = Math.min(
    ...demands.filter(({ memory }) => memory.wants || memory.doesIo === true).map(({ tier }) => tier),
  );
  const limits: DiskLimit[] = [];
  const byDomain = new Map<DomainSnapshot, Demand[]>();
  for (const demand of demands) {
    const mates = byDomain.get(demand.domain) ?? [];
    byDomain.set(demand.domain, mates);
    mates.push(demand);
  }
  const gone = new Set(standings.keys());
  for (const [domain, ofDomain] of byDomain) {
    const { uuid } = domain;
    gone.delete(uuid);
    const user = usingTier(ofDomain);
    const tier = user === undefined ? undefined : tiers[user];
    const present = standings.get(uuid);
    if (tier?.ioBytesPerSecond !== undefined && user !== undefined && busiest < user)
      standings.set(uuid, { limit: tier.ioBytesPerSecond, tier: tier.name, ticks: 0 });
    else if (present !== undefined && (isOutranked(tiers, present, user) || ++present.ticks >= ioTicks))
      standings.delete(uuid);
    const standing = standings.get(uuid);
    if (standing !== undefined && domain.ioBytesPerSecond !== undefined)
      limits.push({ domain, ioBytesPerSecond: standing.limit, tier: standing.tier });
  }
  for (const uuid of gone) standings.delete(uuid);
  return limits;
}

/** The highest tier that uses the disks of these demands' domain; undefined where none does, or what one does is not known. */
function usingTier(ofDomain: readonly Demand[]): number | undefined {
  if (ofDomain.some(({ memory }) => memory.doesIo === undefined)) return undefined;
  const using = ofDomain.filter(({ memory }) => memory.doesIo === true).map(({ tier }) => tier);
  return using.length === 0 ? undefined : Math.min(...using);
}

/** Somebody of a higher tier uses the disks meanwhile: the limit goes at once. */
function isOutranked(tiers: readonly Tier[], { tier }: LimitStanding, user: number | undefined): boolean {
  return user !== undefined && user < tiers.findIndex(({ name }) => name === tier);
}
