import type { DomainSnapshot, ProcessSnapshot } from "vmmsched/plugin-api";
import { anyOf, textOf, type ProcessPattern } from "./process-pattern.js";

/** Processes that share CPUs with each other, and outrank those of the tiers below. */
export interface Tier {
  readonly name: string;
  readonly processes: readonly ProcessPattern[];
  readonly weight: number;
  readonly strict: boolean;
  readonly nice?: number;
  readonly ioBytesPerSecond?: number;
}

/** Who is in which tier. Plain data. Tiers are known by their index: 0 is the highest. */
export interface Membership {
  readonly patterns: readonly RegExp[];
  /** Tier of those that none names. */
  readonly fallback: number;
}

/** Throws when there is no tier of the name `defaultTier`. */
export function membershipOf(tiers: readonly Tier[], defaultTier: string | undefined): Membership {
  const fallback =
    defaultTier === undefined ? tiers.length - 1 : tiers.findIndex(({ name }) => name === defaultTier);
  if (fallback < 0) {
    const names = tiers.map(({ name }) => JSON.stringify(name)).join(", ");
    throw new Error(`found the defaultTier ${JSON.stringify(defaultTier)}; expected one of ${names}`);
  }
  return { patterns: tiers.map(({ processes }) => anyOf(processes)), fallback };
}

export function tierOf(
  { patterns, fallback }: Membership,
  domain: DomainSnapshot,
  process: ProcessSnapshot,
): number {
  const text = textOf(domain, process);
  const index = patterns.findIndex((each) => each.test(text));
  return index < 0 ? fallback : index;
}
