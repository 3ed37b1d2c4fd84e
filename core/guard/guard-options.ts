import type { Config } from "../config/schema.js";

/** What the guard takes from the configuration. */
export interface GuardOptions {
  /** Longest time that a process is held without a run slot, and the slot's length. */
  readonly maxHoldNs: number;
  readonly runSlotNs: number;
  /** 100: a domain may want CPUs for ever while processes of others are held. */
  readonly influencePercent: number;
  readonly influenceWindowNs: number;
  readonly checkClaims: boolean;
}

/** What a configuration says of the guard. */
export function guardOptions(guard: Config["guard"]): GuardOptions {
  return {
    maxHoldNs: guard.maxHoldMs * 1e6,
    runSlotNs: guard.runSlotMs * 1e6,
    influencePercent: guard.influencePercent,
    influenceWindowNs: guard.influenceWindowMs * 1e6,
    checkClaims: guard.checkClaims,
  };
}

/** Where a configuration says nothing. */
export const defaultGuard: GuardOptions = {
  maxHoldNs: 600e9,
  runSlotNs: 100e6,
  influencePercent: 100,
  influenceWindowNs: 600e9,
  checkClaims: true,
};
