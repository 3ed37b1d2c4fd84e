import { noNice } from "../nice.js";
import type { DomainShare } from "../hypervisor.js";
import {
  noCap,
  noIoLimit,
  noWeight,
  smallerLimit,
  smallerWeight,
  wishedShare,
  type ShareMember,
} from "../share.js";
import { maxDomains } from "../snapshot/domain-columns.js";
import type { WishColumns } from "./wish-columns.js";

/** What all policies together wish in one tick, by row of the snapshot: of tasks, and of domains for shares. */
export class Wishes {
  /** 1 = this task is wished to be held. */
  readonly holds: Uint8Array;
  /** Who wishes it, and why; only where `holds` is 1. */
  readonly reasons: string[] = [];
  /** The greatest nice value that is wished for this task, or {@link noNice}. */
  readonly nices: Int8Array;
  /** Who wishes it, and why; only where there is a nice value. */
  readonly niceReasons: string[] = [];
  /** The smallest weight that is wished for this domain, or {@link noWeight}. */
  readonly weights = new Int32Array(maxDomains).fill(noWeight);
  /** The smallest cap that is wished for it, or {@link noCap}. 0, no cap at all, is the greatest. */
  readonly caps = new Int32Array(maxDomains).fill(noCap);
  /** The smallest I/O limit that is wished for it, or {@link noIoLimit}; as for caps, 0 is the greatest. */
  readonly ioLimits = new Float64Array(maxDomains).fill(noIoLimit);
  /** Who wishes them, and why; only where they are wished. */
  readonly shareReasons: Readonly<Record<ShareMember, string[]>> = {
    weight: [],
    capPercent: [],
    ioBytesPerSecond: [],
  };
  /** 1 = what policies wish for this task does not count. */
  readonly dropped: Uint8Array;
  /** Why; only where `dropped` is 1. */
  readonly dropReasons: string[] = [];

  constructor(capacity: number) {
    this.holds = new Uint8Array(capacity);
    this.dropped = new Uint8Array(capacity);
    this.nices = new Int8Array(capacity).fill(noNice);
  }

  clear(rows: number): void {
    this.holds.fill(0, 0, rows);
    this.dropped.fill(0, 0, rows);
    this.nices.fill(noNice, 0, rows);
    this.weights.fill(noWeight);
    this.caps.fill(noCap);
    this.ioLimits.fill(noIoLimit);
  }

  /** Nothing is wished for the task in this row any more, because of `reason`: what operators are told. */
  drop(row: number, reason: string): void {
    if (this.holds[row] === 0 && this.nices[row] === noNice) return;
    this.holds[row] = 0;
    this.nices[row] = noNice;
    this.dropped[row] = 1;
    this.dropReasons[row] = reason;
  }

  /** The hold that is wished for the task in this row does not count in this tick, because of `reason`. */
  dropHold(row: number, reason: string): void {
    if (this.holds[row] === 0) return;
    this.holds[row] = 0;
    this.dropped[row] = 1;
    this.dropReasons[row] = reason;
  }

  wishHold(row: number, reason: string): void {
    this.holds[row] = 1;
    this.reasons[row] = reason;
  }

  /** Of several nice values for one task the greatest counts. */
  wishNice(row: number, nice: number, reason: string): void {
    if (nice < (this.nices[row] ?? noNice)) return;
    this.nices[row] = nice;
    this.niceReasons[row] = reason;
  }

  /** For the domain in this row; what is absent is not wished. */
  wishShare(row: number, wished: DomainShare, reasonOf: (member: ShareMember) => string): void {
    const { weight, capPercent, ioBytesPerSecond } = wished;
    if (weight !== undefined && smallerWeight(this.weights[row] ?? noWeight, weight) === weight) {
      this.weights[row] = weight;
      this.shareReasons.weight[row] = reasonOf("weight");
    }
    if (capPercent !== undefined && smallerLimit(this.caps[row] ?? noCap, capPercent) === capPercent) {
      this.caps[row] = capPercent;
      this.shareReasons.capPercent[row] = reasonOf("capPercent");
    }
    if (ioBytesPerSecond === undefined) return;
    if (smallerLimit(this.ioLimits[row] ?? noIoLimit, ioBytesPerSecond) !== ioBytesPerSecond) return;
    this.ioLimits[row] = ioBytesPerSecond;
    this.shareReasons.ioBytesPerSecond[row] = reasonOf("ioBytesPerSecond");
  }

  /** All that is wished for the domain in this row. */
  share(row: number): DomainShare {
    const { weights, caps, ioLimits } = this;
    return wishedShare(weights[row] ?? noWeight, caps[row] ?? noCap, ioLimits[row] ?? noIoLimit);
  }

  /**
   * Adds what one policy wishes for the first `rows` tasks and the first `domains` domains. Where several wish the same, the
   * last one's reason stays.
   */
  add(policy: string, wished: WishColumns, rows: number, domains: number): void {
    const texts: string[] = [];
    const text = (number: number) =>
      number < 0 ? policy : (texts[number] ??= `${policy}: ${wished.reason(number)}`);
    for (let row = 0; row < rows; row++) {
      if (wished.isHoldWished(row)) this.wishHold(row, text(wished.holdReason(row)));
      const nice = wished.nice(row);
      if (nice !== noNice) this.wishNice(row, nice, text(wished.niceReason(row)));
    }
    for (let row = 0; row < domains; row++)
      this.wishShare(row, wished.share(row), (member) => text(wished.shareReason(row, member)));
  }
}

/** The active policies, as the cycle knows them. */
export interface Policies {
  /** Asks all of them about the snapshot that was just taken and fills `wishes`. Never throws for what a policy does. */
  decide(wishes: Wishes): void;
}
export const Policies = Symbol("Policies");
