import type { DomainSnapshot } from "vmmsched/plugin-api";
import type { Demand, Memory } from "./demand.js";
import { countByTier } from "./domain-weights.js";
import type { Tier } from "./tier.js";

const leastNice = -20;
const mostNice = 19;
/** Weights of neighbouring nice values have this ratio (Linux: sched_prio_to_weight, kernel/sched/core.c). */
const stepRatio = 1.25;
/** In steps of nice values times ticks: by so much a process is wronged before its nice value is changed to make up for it. */
const mostMissed = 5;
/** Values that are no further apart are the same. */
const sameStep = 0.02;

/**
 * Nice value for each process, so that those of one guest share its CPUs as their parts of their tiers' shares demand: it
 * may be any number, and whole ones are alternated so that it comes out in the long run. A process that wants nothing has
 * what its tier has if it is the only one. `counted`: those that have a part.
 */
export function chooseNices(
  tiers: readonly Tier[],
  demands: readonly Demand[],
  counted: ReadonlySet<Demand>,
): void {
  const counts = countByTier(tiers, counted);
  const bases = tierBases(tiers);
  const byDomain = new Map<
    DomainSnapshot,
    { memory: Memory; due: number; fixed: boolean; counts: boolean }[]
  >();
  for (const demand of demands) {
    const { domain, tier, memory } = demand;
    const own = tiers[tier]?.nice;
    const isCounted = counted.has(demand);
    const sharing = isCounted ? (counts[tier] ?? 1) * memory.meanThreads : 1;
    const due = own ?? (bases[tier] ?? 0) + steps(sharing);
    const mates = byDomain.get(domain) ?? [];
    byDomain.set(domain, mates);
    mates.push({ memory, due, fixed: own !== undefined, counts: isCounted });
  }
  for (const mates of byDomain.values()) {
    const wanted = mates.filter((mate) => mate.counts).map(({ due }) => due);
    const [least, most] = [Math.min(...wanted), Math.max(...wanted)];
    // What is beyond the scale moves the others along, as far as there is room.
    const shift = Math.max(0, most - mostNice);
    for (const { memory, due, fixed, counts: isCounted } of mates) {
      const nice = fixed ? due : due - shift;
      const matters = isCounted && most - least > sameStep;
      choose(memory, Math.min(mostNice, Math.max(leastNice, nice)), matters);
    }
  }
}

/** Where each tier begins: the one of the greatest weight at 0, or higher if the others need the room. */
function tierBases(tiers: readonly Tier[]): readonly number[] {
  const greatest = Math.max(...tiers.map(({ weight }) => weight));
  const distances = tiers.map(({ weight }) => steps(greatest / weight));
  const top = Math.max(leastNice, Math.min(0, mostNice - Math.max(...distances)));
  return distances.map((distance) => top + distance);
}

function steps(ratio: number): number {
  return Math.log(ratio) / Math.log(stepRatio);
}

/** `matters`: others in the guest want to run with other values. */
function choose(memory: Memory, due: number, matters: boolean): void {
  const { nice } = memory;
  if (nice === undefined || !matters || Math.abs(due - nice) >= 1) {
    memory.nice = Math.round(due);
    memory.missed = 0;
    return;
  }
  memory.missed += due - nice;
  if (memory.missed >= mostMissed) memory.nice = Math.ceil(due - sameStep);
  else if (memory.missed <= -mostMissed) memory.nice = Math.floor(due + sameStep);
}
