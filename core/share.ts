import type { DomainShare } from "./hypervisor.js";

/** Weights, caps and I/O limits of domains, as {@link DomainShare} has them. */
export const leastWeight = 1;
export const mostWeight = 65_535;
export const mostCapPercent = 65_535;
/** With less, one request of a disk may take longer than guests wait for it (Linux: 30 s where it is IDE or SCSI). */
export const leastIoBytesPerSecond = 65_536;
/** What QEMU takes (THROTTLE_VALUE_MAX, include/qemu/throttle.h). */
export const mostIoBytesPerSecond = 1e15;
/** Stand for no wish of a weight, of a cap and of an I/O limit; 0 is a cap or limit: none. */
export const noWeight = 0;
export const noCap = -1;
export const noIoLimit = -1;

/** What the VM scheduler has of a domain: both, or neither. */
export type CpuShare = Required<Pick<DomainShare, "weight" | "capPercent">>;
export type ShareMember = keyof DomainShare;
export const shareMembers: readonly ShareMember[] = ["weight", "capPercent", "ioBytesPerSecond"];

export function isWeight(value: unknown): value is number {
  return Number.isInteger(value) && leastWeight <= (value as number) && (value as number) <= mostWeight;
}

export function isCapPercent(value: unknown): value is number {
  return Number.isInteger(value) && 0 <= (value as number) && (value as number) <= mostCapPercent;
}

export function isIoBytesPerSecond(value: unknown): value is number {
  if (value === 0) return true;
  return (
    Number.isInteger(value) &&
    leastIoBytesPerSecond <= (value as number) &&
    (value as number) <= mostIoBytesPerSecond
  );
}

/** Of two weights that are wished, the smaller one. */
export function smallerWeight(one: number, other: number): number {
  if (one === noWeight || other === noWeight) return Math.max(one, other);
  return Math.min(one, other);
}

/** Of two caps or two I/O limits that are wished, the one that lets less through. */
export function smallerLimit(one: number, other: number): number {
  return one <= 0 || other <= 0 ? Math.max(one, other) : Math.min(one, other);
}

export function isSameShare(one: DomainShare, other: DomainShare): boolean {
  return shareMembers.every((member) => one[member] === other[member]);
}

/** What a domain is to have: what is wished, or else its own, of what it has at all. */
export function shareOf(own: DomainShare, wished: DomainShare): DomainShare {
  return shareFrom((member) => (own[member] === undefined ? undefined : (wished[member] ?? own[member])));
}

/** A share of these members; those that are undefined are absent. */
export function shareFrom(valueOf: (member: ShareMember) => number | undefined): DomainShare {
  const share: Partial<Record<ShareMember, number>> = {};
  for (const member of shareMembers) {
    const value = valueOf(member);
    if (value !== undefined) share[member] = value;
  }
  return share;
}

/** A wish from numbers of which each may stand for none. */
export function wishedShare(weight: number, capPercent: number, ioBytesPerSecond: number): DomainShare {
  return {
    ...(weight === noWeight ? {} : { weight }),
    ...(capPercent === noCap ? {} : { capPercent }),
    ...(ioBytesPerSecond === noIoLimit ? {} : { ioBytesPerSecond }),
  };
}

export function isEmptyShare(share: DomainShare): boolean {
  return isSameShare(share, {});
}

/** In words, such as `weight 256, cap 50 %, no I/O limit`. */
export function shareText({ weight, capPercent, ioBytesPerSecond }: DomainShare): string {
  return [
    ...(weight === undefined ? [] : [`weight ${weight}`]),
    ...(capPercent === undefined ? [] : [capPercent === 0 ? "no cap" : `cap ${capPercent} %`]),
    ...(ioBytesPerSecond === undefined
      ? []
      : [ioBytesPerSecond === 0 ? "no I/O limit" : `I/O ${ioBytesPerSecond} B/s`]),
  ].join(", ");
}
