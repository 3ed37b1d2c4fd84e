import type { HostSnapshot } from "vmmsched/plugin-api";
import { newAllowance, settle, type Allowance } from "./allowance.js";
import { isInForce, onHost, type QuotaLimit } from "./limit.js";

/** Who spends one budget: a process with its children, or several together. */
export interface Account {
  /** One for each limit, in their order; undefined until it is first charged. */
  allowances: (Allowance | undefined)[];
  /** Host clock when it was last charged. */
  timeNs: number;
  /** CPUs that it kept busy when it was last let run from one tick to the next. */
  cpus: number;
  /** Was it let run at the last tick? */
  running: boolean;
}

export function openAccount(timeNs: number): Account {
  return { allowances: [], timeNs, cpus: 0, running: false };
}

/** The same account under other limits: a limit of the same period goes on where the one before it was. */
export function withLimits(account: Account, limits: readonly QuotaLimit[]): Account {
  const allowances = limits.map((limit) => {
    const before = account.allowances.find((each) => each?.periodMs === limit.periodMs);
    return before && { ...before };
  });
  return { ...account, allowances };
}

/**
 * Charges what its threads used since the last tick; returns the limit for which it has to wait now, if any. `threadCount`
 * is how many CPUs it can keep busy at most, whatever its guest says.
 */
export function charge(
  account: Account,
  limits: readonly QuotaLimit[],
  { usedNs, threadCount }: { readonly usedNs: number; readonly threadCount: number },
  host: HostSnapshot,
  maxWaitNs: number,
): QuotaLimit | undefined {
  const { timeNs, intervalNs } = host;
  const elapsedNs = timeNs - account.timeNs;
  if (account.running && elapsedNs > 0) account.cpus = Math.min(usedNs / elapsedNs, threadCount);
  account.timeNs = timeNs;
  const use = { timeNs, usedNs, expectedNs: account.cpus * intervalNs, maxWaitNs };
  let short: QuotaLimit | undefined;
  for (const [index, limit] of limits.entries()) {
    const here = onHost(limit, host);
    const allowance = (account.allowances[index] ??= newAllowance(here, timeNs));
    if (isInForce(limit, host)) {
      settle(allowance, here, use);
      if (allowance.short) short ??= limit;
    } else {
      // Its periods go on, which pays what is owed.
      settle(allowance, here, { ...use, usedNs: 0 });
      letGo(allowance);
    }
  }
  account.running = short === undefined;
  return short;
}

/** Nobody is there who could use it: what is left is not left because of us. */
export function rest(account: Account): void {
  account.running = false;
  account.cpus = 0;
  for (const allowance of account.allowances) if (allowance !== undefined) letGo(allowance);
}

function letGo(allowance: Allowance): void {
  allowance.short = false;
  allowance.owedNs = 0;
}
