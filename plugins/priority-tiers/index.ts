import type { Policy, Wish } from "vmmsched/plugin-api";
import { demandsOn, memoriesOf, type Demand, type Memories } from "./demand.js";
import { diskLimits, type DiskLimit, type LimitStandings } from "./disk-limits.js";
import { domainWeights, leastWeight, type DomainWeight, type WeightScale } from "./domain-weights.js";
import { chooseNices } from "./nice-values.js";
import { saturatingTier, type Saturation, type Standing } from "./saturation.js";
import { membershipOf, type Membership, type Tier } from "./tier.js";

/** As plugin.json describes and fills them in. */
export interface Options extends Saturation, WeightScale {
  readonly tiers: readonly Tier[];
  readonly defaultTier?: string;
  readonly settleTicks: number;
  readonly ioTicks: number;
}

export interface State {
  readonly membership: Membership;
  memories: Memories;
  /** By name of a strict tier. */
  readonly standings: Map<string, Standing>;
  readonly limits: LimitStandings;
}

export default {
  init({ tiers, defaultTier }, previous?: Partial<State>) {
    return {
      membership: membershipOf(tiers, defaultTier),
      memories: previous?.memories ?? new Map<string, never>(),
      standings: previous?.standings ?? new Map<string, Standing>(),
      limits: previous?.limits ?? new Map<string, never>(),
    };
  },

  decide(host, options, state) {
    const { tiers } = options;
    const demands = demandsOn(host, state.membership, state.memories, options.settleTicks);
    const lowest = saturatingTier(tiers, demands, state.standings, {
      ...options,
      hostCpus: options.hostCpus ?? host.cpuCount,
    });
    for (const { process, tier, memory } of demands)
      memory.held = tier > lowest && process?.untouchable === false;
    const counted = new Set(
      demands.filter(({ domain, tier, memory }) => memory.wants && tier <= lowest && domain.hasSay),
    );
    chooseNices(tiers, demands, counted);
    state.memories = memoriesOf(demands);
    return [
      ...demands.flatMap((demand) => wishesFor(demand, tiers, lowest)),
      ...domainWeights(tiers, counted, options).map(shareWish),
      ...diskLimits(tiers, demands, state.limits, options.ioTicks).map(limitWish),
      ...demands.filter(({ process, tier }) => process === undefined && tier > lowest).map(outrankedWish),
    ];
  },
} satisfies Policy<Options, State>;

function wishesFor({ process, tier, memory }: Demand, tiers: readonly Tier[], lowest: number): Wish[] {
  if (process === undefined || process.untouchable) return [];
  const [own, outranking] = [tiers[tier]?.name ?? "", tiers[lowest]?.name ?? ""];
  const wishes: Wish[] = [];
  if (memory.nice !== undefined)
    wishes.push({ kind: "priority", target: process, nice: memory.nice, reason: `in tier ${own}` });
  if (memory.held)
    wishes.push({ kind: "hold", target: process, reason: `${own} waits while ${outranking} wants all CPUs` });
  return wishes;
}

function shareWish({ domain, weight, part }: DomainWeight): Wish {
  const reason = `its processes' part is ${(100 * part).toFixed(1)} %`;
  return { kind: "share", target: domain, weight, reason };
}

function limitWish({ domain, ioBytesPerSecond, tier }: DiskLimit): Wish {
  const reason = `only ${tier} and lower tiers use its disks while a higher one works`;
  return { kind: "share", target: domain, ioBytesPerSecond, reason };
}

/** A domain that shows no processes cannot be held. */
function outrankedWish({ domain }: Demand): Wish {
  return { kind: "share", target: domain, weight: leastWeight, reason: "a higher tier wants all CPUs" };
}
