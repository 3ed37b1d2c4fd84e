import type { HostSnapshot } from "../policy.js";
import type { WishColumns } from "../policies/wish-columns.js";
import type { DomainShare } from "../hypervisor.js";
import {
  isEmptyShare,
  isSameShare,
  noCap,
  noIoLimit,
  noWeight,
  shareMembers,
  wishedShare,
} from "../share.js";
import type { RecordedTick } from "./record-reader.js";

/** A domain for which a share is wished: in the record, in the replay, or in both. What is missing in it is not wished. */
export interface WishedDomain {
  readonly domain: string;
  readonly uuid: string;
  readonly recorded: DomainShare;
  readonly replayed: DomainShare;
  readonly differs: boolean;
  /** Why, by the replay, or else by the record. */
  readonly reason?: string;
}

/** What is wished for each row of domains, and why. */
export interface WishedShares {
  share(row: number): DomainShare;
  reason(row: number): string | undefined;
}

export const noShares: WishedShares = { share: () => ({}), reason: () => undefined };

export function wishedShares(wishes: WishColumns): WishedShares {
  const text = (number: number) => (number < 0 ? undefined : wishes.reason(number));
  return {
    share: (row) => wishes.share(row),
    reason: (row) =>
      shareMembers.map((member) => text(wishes.shareReason(row, member))).find((each) => each !== undefined),
  };
}

/** What all policies together wish; whose reason it is, a record does not tell. */
export function sharesInForce({
  weights,
  caps,
  ioLimits,
}: Pick<RecordedTick, "weights" | "caps" | "ioLimits">): WishedShares {
  return {
    share: (row) => wishedShare(weights[row] ?? noWeight, caps[row] ?? noCap, ioLimits[row] ?? noIoLimit),
    reason: () => undefined,
  };
}

/** All domains for which a share is wished, in the order of the snapshot. */
export function wishedDomains(
  host: HostSnapshot,
  recorded: WishedShares,
  replayed: WishedShares,
): readonly WishedDomain[] {
  return host.domains.flatMap(({ name: domain, uuid }, row) => {
    const [then, now] = [recorded.share(row), replayed.share(row)];
    if (isEmptyShare(then) && isEmptyShare(now)) return [];
    const reason = replayed.reason(row) ?? recorded.reason(row);
    return {
      ...{ domain, uuid, recorded: then, replayed: now },
      differs: !isSameShare(then, now),
      ...(reason === undefined ? {} : { reason }),
    };
  });
}
