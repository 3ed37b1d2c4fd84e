import { mostNice, noNice } from "../nice.js";
import type { DomainShare } from "../hypervisor.js";
import {
  isIoBytesPerSecond,
  mostCapPercent,
  noIoLimit,
  noWeight,
  shareMembers,
  smallerLimit,
  smallerWeight,
  wishedShare,
  type ShareMember,
} from "../share.js";
import { columnPlacer, type ColumnBuffer } from "../snapshot/column-placer.js";
import { maxDomains } from "../snapshot/domain-columns.js";

/** Different reasons that one policy may give in one tick; what is beyond them is wished without a reason. */
export const maxReasons = 1024;
export const reasonBytes = 64 * 1024;
/** Of one task. */
export const wishBytes = 5;
/** Of one domain. */
export const shareWishBytes = 20;

/** Codes of a column of wishes: nothing, a wish without a reason, or one with reason number `code - firstReason`. */
const nothing = 0;
const unexplained = 1;
const firstReason = 2;

/** The part of {@link WishColumns} that is in use, as bytes. */
export interface UsedWishes {
  /** Two bytes a row. */
  readonly hold: Uint8Array;
  /** One byte a row. */
  readonly nice: Uint8Array;
  /** Two bytes a row. */
  readonly niceReason: Uint8Array;
  /** Four bytes a domain. */
  readonly cap: Uint8Array;
  /** Two bytes a domain. */
  readonly weight: Uint8Array;
  readonly weightReason: Uint8Array;
  readonly capReason: Uint8Array;
  /** Eight bytes a row of domains. */
  readonly ioLimit: Uint8Array;
  /** Two bytes a row of domains. */
  readonly ioReason: Uint8Array;
  /** Four bytes a reason. */
  readonly ends: Uint8Array;
  readonly text: Uint8Array;
}

/**
 * What one policy wishes in one tick, by the rows of tasks and of domains in the snapshot that it saw. In memory that its thread and the
 * cycle share. Nothing in it can be out of range: whatever a policy's thread has written, each row is wished or is not.
 */
export class WishColumns {
  readonly #hold: Uint16Array;
  /** What is wished, less {@link noNice}: 0 is nothing. */
  readonly #nice: Uint8Array;
  readonly #niceReason: Uint16Array;
  /** By row of domains. 0 is nothing. */
  readonly #weight: Uint16Array;
  readonly #weightReason: Uint16Array;
  /** The cap and 1. */
  readonly #cap: Uint32Array;
  readonly #capReason: Uint16Array;
  /** The I/O limit and 1. */
  readonly #ioLimit: Float64Array;
  readonly #ioReason: Uint16Array;
  /** Where reason `n` begins and ends. */
  readonly #ends: Int32Array;
  readonly #text: Uint8Array;
  readonly #known = new Map<string, number>();
  #reasons = 0;
  #used = 0;

  constructor(
    readonly buffer: ColumnBuffer,
    readonly capacity: number,
  ) {
    const place = columnPlacer(buffer, 1);
    this.#ioLimit = place(Float64Array, maxDomains);
    this.#ends = place(Int32Array, maxReasons);
    this.#cap = place(Uint32Array, maxDomains);
    this.#weight = place(Uint16Array, maxDomains);
    this.#weightReason = place(Uint16Array, maxDomains);
    this.#capReason = place(Uint16Array, maxDomains);
    this.#ioReason = place(Uint16Array, maxDomains);
    this.#hold = place(Uint16Array, capacity);
    this.#niceReason = place(Uint16Array, capacity);
    this.#nice = place(Uint8Array, capacity);
    this.#text = place(Uint8Array, reasonBytes);
  }

  static allocate(capacity: number): WishColumns {
    return new WishColumns(new SharedArrayBuffer(WishColumns.bytes(capacity)), capacity);
  }

  static bytes(capacity: number): number {
    return maxReasons * 4 + maxDomains * shareWishBytes + capacity * wishBytes + reasonBytes;
  }

  /** Forgets the wishes for the first `rows` tasks, those for all domains, and all reasons. */
  clear(rows: number): void {
    this.#hold.fill(nothing, 0, rows);
    this.#nice.fill(0, 0, rows);
    this.#niceReason.fill(nothing, 0, rows);
    for (const column of [this.#cap, this.#ioLimit, this.#weight]) column.fill(nothing);
    for (const column of [this.#weightReason, this.#capReason, this.#ioReason]) column.fill(nothing);
    this.#known.clear();
    this.#reasons = 0;
    this.#used = 0;
  }

  wishHold(row: number, reason: string | undefined): void {
    this.#hold[row] = this.#codeOf(reason);
  }

  /** Of several nice values for one row the greatest counts. */
  wishNice(row: number, nice: number, reason: string | undefined): void {
    if (nice < this.nice(row)) return;
    this.#nice[row] = nice - noNice;
    this.#niceReason[row] = this.#codeOf(reason);
  }

  /** For the domain in this row. Of several weights the smallest counts, and so of caps and of I/O limits. What is undefined is not wished. */
  wishShare(
    row: number,
    wished: Readonly<Partial<Record<ShareMember, number | undefined>>>,
    reason: string | undefined,
  ): void {
    const { weight, capPercent, ioBytesPerSecond } = wished;
    if (weight !== undefined && smallerWeight(this.weight(row), weight) === weight) {
      this.#weight[row] = weight;
      this.#weightReason[row] = this.#codeOf(reason);
    }
    if (capPercent !== undefined && smallerLimit(this.capPercent(row), capPercent) === capPercent) {
      this.#cap[row] = capPercent + 1;
      this.#capReason[row] = this.#codeOf(reason);
    }
    if (ioBytesPerSecond === undefined) return;
    if (smallerLimit(this.ioBytesPerSecond(row), ioBytesPerSecond) !== ioBytesPerSecond) return;
    this.#ioLimit[row] = ioBytesPerSecond + 1;
    this.#ioReason[row] = this.#codeOf(reason);
  }

  isHoldWished(row: number): boolean {
    return this.#hold[row] !== nothing;
  }

  /** Number of the reason for a hold, for {@link reason}; -1 when none was given. */
  holdReason(row: number): number {
    return reasonNumber(this.#hold[row]);
  }

  /** The nice value that is wished, or {@link noNice}. */
  nice(row: number): number {
    return Math.min((this.#nice[row] ?? 0) + noNice, mostNice);
  }

  /** Number of the reason for a nice value, for {@link reason}; -1 when none was given. */
  niceReason(row: number): number {
    return reasonNumber(this.#niceReason[row]);
  }

  /** The weight that is wished for the domain in this row, or {@link noWeight}. */
  weight(row: number): number {
    return this.#weight[row] ?? noWeight;
  }

  /** The cap that is wished for it, or `noCap`. */
  capPercent(row: number): number {
    return Math.min((this.#cap[row] ?? 0) - 1, mostCapPercent);
  }

  /** The I/O limit that is wished for it, or {@link noIoLimit}. */
  ioBytesPerSecond(row: number): number {
    const limit = (this.#ioLimit[row] ?? nothing) - 1;
    return isIoBytesPerSecond(limit) ? limit : noIoLimit;
  }

  /** All that is wished for the domain in this row. */
  share(row: number): DomainShare {
    return wishedShare(this.weight(row), this.capPercent(row), this.ioBytesPerSecond(row));
  }

  /** Number of the reason for a member of its share, for {@link reason}; -1 when none was given. */
  shareReason(row: number, member: ShareMember): number {
    if (member === "weight") return reasonNumber(this.#weightReason[row]);
    return reasonNumber((member === "capPercent" ? this.#capReason : this.#ioReason)[row]);
  }

  /** The text of a reason. What the other thread has spoilt reads as some other text. */
  reason(number: number): string {
    const begin = number === 0 ? 0 : this.#end(number - 1);
    const end = Math.min(this.#end(number), begin + longestReasonBytes);
    return Buffer.from(this.#text.slice(begin, Math.max(begin, end))).toString("utf8");
  }

  /** Views on what is said of the first `rows` tasks and the first `domains` domains, for a copy. */
  used(rows: number, domains: number): UsedWishes {
    let reasons = 0;
    for (let row = 0; row < rows; row++)
      reasons = Math.max(reasons, this.holdReason(row) + 1, this.niceReason(row) + 1);
    for (let row = 0; row < domains; row++)
      for (const member of shareMembers) reasons = Math.max(reasons, this.shareReason(row, member) + 1);
    let textBytes = 0;
    for (let number = 0; number < reasons; number++) textBytes = Math.max(textBytes, this.#end(number));
    return {
      hold: bytesOf(this.#hold, rows * 2),
      nice: bytesOf(this.#nice, rows),
      niceReason: bytesOf(this.#niceReason, rows * 2),
      cap: bytesOf(this.#cap, domains * 4),
      weight: bytesOf(this.#weight, domains * 2),
      weightReason: bytesOf(this.#weightReason, domains * 2),
      capReason: bytesOf(this.#capReason, domains * 2),
      ioLimit: bytesOf(this.#ioLimit, domains * 8),
      ioReason: bytesOf(this.#ioReason, domains * 2),
      ends: bytesOf(this.#ends, reasons * 4),
      text: bytesOf(this.#text, textBytes),
    };
  }

  /** Takes over such a copy. */
  fill(used: UsedWishes): void {
    const { hold, nice, niceReason, cap, weight, weightReason, capReason, ioLimit, ioReason, ends, text } =
      used;
    bytesOf(this.#hold, hold.length).set(hold);
    this.#nice.set(nice);
    bytesOf(this.#niceReason, niceReason.length).set(niceReason);
    bytesOf(this.#cap, cap.length).set(cap);
    bytesOf(this.#weight, weight.length).set(weight);
    bytesOf(this.#weightReason, weightReason.length).set(weightReason);
    bytesOf(this.#capReason, capReason.length).set(capReason);
    bytesOf(this.#ioLimit, ioLimit.length).set(ioLimit);
    bytesOf(this.#ioReason, ioReason.length).set(ioReason);
    bytesOf(this.#ends, ends.length).set(ends);
    this.#text.set(text);
  }

  #end(number: number): number {
    return Math.min(Math.max(this.#ends[number] ?? 0, 0), reasonBytes);
  }

  #codeOf(reason: string | undefined): number {
    if (reason === undefined) return unexplained;
    const known = this.#known.get(reason);
    if (known !== undefined) return known;
    if (this.#reasons === maxReasons || reasonBytes - this.#used < longestReasonBytes) return unexplained;
    const room = this.#text.subarray(this.#used, this.#used + longestReasonBytes);
    this.#used += encoder.encodeInto(reason, room).written;
    this.#ends[this.#reasons] = this.#used;
    const code = firstReason + this.#reasons++;
    this.#known.set(reason, code);
    return code;
  }
}

function reasonNumber(code = nothing): number {
  return code < firstReason || code - firstReason >= maxReasons ? -1 : code - firstReason;
}

function bytesOf({ buffer, byteOffset }: ArrayBufferView, bytes: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset, bytes);
}

/** Longer reasons are cut: they are meant for a line of a log. */
const longestReasonBytes = 400;
const encoder = new TextEncoder();
