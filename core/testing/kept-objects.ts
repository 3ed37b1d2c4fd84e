import type { HostSnapshot } from "../policy.js";

/**
 * Does anything in `state` lead to an object of the host? Those are used again at the next tick, and stand for other
 * tasks then.
 */
export function keepsObjectsOf(on: HostSnapshot, state: unknown): boolean {
  const targets = on.domains.flatMap((domain) => [
    domain,
    ...domain.processes.flatMap((process) => [process, ...process.threads]),
  ]);
  return reaches(state, new Set<unknown>([on, ...targets]), new Set());
}

function reaches(value: unknown, targets: ReadonlySet<unknown>, seen: Set<unknown>): boolean {
  if (typeof value !== "object" || value === null || seen.has(value)) return false;
  if (targets.has(value)) return true;
  seen.add(value);
  const inside: readonly unknown[] =
    value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value);
  return inside.some((each) => reaches(each, targets, seen));
}
