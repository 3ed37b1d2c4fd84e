const nsPerMs = 1e6;

/** So much CPU time in each period. */
export interface Limit {
  readonly percent: number;
  readonly periodMs: number;
  /** CPU time that may be saved up beyond the period that it was not used in. */
  readonly burstMs: number;
}

/** What is left of a limit in the period under way. */
export interface Allowance {
  readonly periodMs: number;
  /** Host clock at the beginning of this period. */
  startNs: number;
  /** CPU time left; below 0 it is a debt. */
  balanceNs: number;
  /** Of it, what was left because of us. */
  owedNs: number;
  /** Was it too little, when last looked at, to let run until the next tick? */
  short: boolean;
}

/** What has happened since an allowance was last looked at. */
export interface Use {
  readonly timeNs: number;
  readonly usedNs: number;
  /** CPU time that will be used until the next tick by what is let run now. */
  readonly expectedNs: number;
  /** Waiting pays no more than this long for a debt. */
  readonly maxWaitNs: number;
}

export function newAllowance({ percent, periodMs }: Limit, timeNs: number): Allowance {
  const balanceNs = shareNs(percent, periodMs * nsPerMs);
  return { periodMs, startNs: timeNs, balanceNs, owedNs: 0, short: false };
}

/**
 * Charges what was used, adds what the periods that have begun bring, and tells whether to hold. Debts are carried over.
 * So is, of what is left in a period, what was left because of us: all that there was when it was last held for this
 * limit, and the use of one tick, since a release takes effect late. Of what was not wanted, `burstMs` are carried over.
 *
 * Something can be let run for whole ticks only. It is held at the tick where this misses the budget by less than one
 * more tick would: where less is left than half of what that would use. As either difference stays in the balance, the
 * rounding never adds up: while there is demand, what was used exceeds what the periods brought by a tick's use at most, and
 * falls short of it by a period's budget and two ticks' use at most, however long that is. So the mean has no bias.
 */
export function settle(allowance: Allowance, limit: Limit, use: Use): void {
  const mostNs = shareNs(limit.percent, use.maxWaitNs);
  const savedNs = Math.max(limit.burstMs * nsPerMs, use.expectedNs, allowance.owedNs);
  spend(allowance, limit, use, allowance.short ? mostNs : savedNs);
  allowance.balanceNs = Math.max(allowance.balanceNs, -mostNs);
  const enoughNs = Math.min(use.expectedNs / 2, mostNs);
  allowance.short = allowance.balanceNs <= 0 || allowance.balanceNs < enoughNs;
}

/**
 * Charges what was used, and adds the budgets of the periods that have begun; of what is left at the end of each,
 * `keptNs` at most stay. Where several have begun since the last tick, the same is taken to have been used before each.
 */
function spend(allowance: Allowance, limit: Limit, use: Use, keptNs: number): void {
  const { timeNs, usedNs, expectedNs } = use;
  // A clock that is behind is another one: the state may come from elsewhere.
  if (timeNs < allowance.startNs) allowance.startNs = timeNs;
  const periodNs = limit.periodMs * nsPerMs;
  const budgetNs = shareNs(limit.percent, periodNs);
  const periods = Math.floor((timeNs - allowance.startNs) / periodNs);
  const beforeNs = allowance.balanceNs;
  allowance.startNs += periods * periodNs;
  if (periods === 0) {
    allowance.balanceNs -= usedNs;
    oweNow(allowance, allowance.balanceNs);
    return;
  }
  const gainNs = budgetNs - usedNs / periods;
  const firstNs = beforeNs - usedNs / periods;
  const lastNs = firstNs + (periods - 1) * gainNs;
  const cappedNs = keptNs + (periods - 1) * Math.min(gainNs, 0);
  const leftNs = Math.min(lastNs, cappedNs);
  allowance.balanceNs = leftNs + budgetNs;
  // The budget of the period that begins now is not owed: nobody has been kept from it yet. But one that a tick or two use up belongs to a
  // period that may be over before who is held runs again.
  const isShort = budgetNs <= 2 * expectedNs;
  oweNow(allowance, Math.min(firstNs, lastNs, leftNs), isShort ? allowance.balanceNs : leftNs);
}

/** What is owed is used last: as much of it stays as was never touched (`leastNs`). Who is held now is owed all that is left. */
function oweNow(allowance: Allowance, leastNs: number, leftNs = leastNs): void {
  allowance.owedNs = Math.max(0, allowance.short ? leftNs : Math.min(allowance.owedNs, leastNs));
}

function shareNs(percent: number, timeNs: number): number {
  return (percent / 100) * timeNs;
}
