import type { ShareLedger } from "../cycle/share-ledger.js";
import type { Wishes } from "../policies/policies.js";
import { noCap, noIoLimit, noWeight, smallerLimit } from "../share.js";

interface Sharer {
  readonly hasSay: boolean;
  readonly shares: Pick<ShareLedger, "own" | "present">;
}

/**
 * A domain without a say gets no more of the CPUs, and of its disks, than it has of its own. The domains are those of the snapshot, in
 * its order.
 */
export function dropGreaterShares(domains: readonly Sharer[], wishes: Wishes): void {
  for (let row = 0; row < domains.length; row++) {
    const domain = domains[row];
    if (domain === undefined || domain.hasSay) continue;
    const own = domain.shares.own ?? domain.shares.present;
    if (own === undefined) continue;
    if (own.weight !== undefined && (wishes.weights[row] ?? noWeight) > own.weight)
      wishes.weights[row] = noWeight;
    if (isWider(wishes.caps[row] ?? noCap, noCap, own.capPercent)) wishes.caps[row] = noCap;
    if (isWider(wishes.ioLimits[row] ?? noIoLimit, noIoLimit, own.ioBytesPerSecond))
      wishes.ioLimits[row] = noIoLimit;
  }
}

function isWider(wished: number, none: number, own: number | undefined): boolean {
  return wished !== none && own !== undefined && smallerLimit(wished, own) !== wished;
}
