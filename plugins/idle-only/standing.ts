import type { Rules } from "./options.js";

const nsPerMs = 1e6;

/** How a group stands in one domain. Plain data. */
export interface Standing {
  readonly held: boolean;
  /** For how many ticks in a row has the host contradicted that? */
  readonly ticks: number;
  /** Host clock when it began to be so, or was first seen to be. */
  readonly sinceNs: number;
  /** Of a group that is held and has waited for too long. */
  readonly trickle?: Trickle;
}

/** Runs now and then in spite of a hold. */
interface Trickle {
  /** Host clock when it was last looked at, and at the beginning of this period. */
  readonly timeNs: number;
  readonly startNs: number;
  /** Time to run that is left in this period; below 0, what is to be made up for. */
  readonly leftNs: number;
  readonly running: boolean;
}

/** The standing of a group that is seen for the first time. */
export function firstStanding(held: boolean, timeNs: number): Standing {
  return { held, ticks: 0, sinceNs: timeNs };
}

/**
 * Hysteresis: a standing turns only after enough ticks in a row that speak against it, and not before what was let run has
 * run for `minRunMs`. After a wait of `maxWaitMs`, a trickle begins.
 */
export function nextStanding(before: Standing, busy: boolean, rules: Rules, timeNs: number): Standing {
  // A clock that is behind is another one: the state may come from elsewhere.
  const sinceNs = Math.min(before.sinceNs, timeNs);
  if (before.held === busy) return withTrickle({ ...before, ticks: 0, sinceNs }, rules, timeNs);
  const ticks = before.ticks + 1;
  const isEnough = ticks >= (busy ? rules.busyTicks : rules.idleTicks);
  const hasRun = !busy || timeNs - sinceNs >= rules.minRunMs * nsPerMs;
  if (isEnough && hasRun) return { held: busy, ticks: 0, sinceNs: timeNs };
  return withTrickle({ ...before, ticks, sinceNs }, rules, timeNs);
}

/** Is it to be held now? */
export function isHeldNow({ held, trickle }: Standing): boolean {
  return held && trickle?.running !== true;
}

/**
 * Runs and holds take whole ticks. What a run took too long is made up for by later periods, up to what `maxWaitMs` of them
 * bring, so the mean is right however short `trickleMs` is.
 */
function withTrickle(standing: Standing, rules: Rules, timeNs: number): Standing {
  const { held, ticks, sinceNs, trickle } = standing;
  const { maxWaitMs } = rules;
  const plain: Standing = { held, ticks, sinceNs };
  if (!held || maxWaitMs === undefined || timeNs - sinceNs < maxWaitMs * nsPerMs) return plain;
  const shareNs = rules.trickleMs * nsPerMs;
  const periodNs = rules.tricklePeriodMs * nsPerMs;
  if (trickle === undefined || trickle.timeNs > timeNs)
    return { ...plain, trickle: { timeNs, startNs: timeNs, leftNs: shareNs, running: true } };
  const periods = Math.floor((timeNs - trickle.startNs) / periodNs);
  const ranNs = trickle.running ? timeNs - trickle.timeNs : 0;
  const mostDebtNs = shareNs * Math.max(1, (maxWaitMs * nsPerMs) / periodNs);
  const leftNs = Math.max(-mostDebtNs, Math.min(shareNs, trickle.leftNs - ranNs + periods * shareNs));
  const startNs = trickle.startNs + periods * periodNs;
  return { ...plain, trickle: { timeNs, startNs, leftNs, running: leftNs > 0 } };
}
