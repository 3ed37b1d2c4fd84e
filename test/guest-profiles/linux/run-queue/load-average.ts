import type { Entity } from "./world.js";

/** What tasks that sleep have left in the averages of each queue. */
export const blocked = { average: 1000n, sum: 1000n * 47000n } as const;

/** load_avg of an entity, and what it adds to the load_sum of its queue. */
export function loadAverageOf(entity: Entity): bigint {
  return loadSumOf(entity) / (46718n + entity.contrib);
}

export function loadSumOf({ weight, loadSum }: Entity): bigint {
  return (weight >> 10n) * loadSum;
}
