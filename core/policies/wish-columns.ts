import { columnPlacer, type ColumnBuffer } from "../snapshot/column-placer.js";

/** Different reasons that one policy may give in one tick; what is beyond them is wished without a reason. */
export const maxReasons = 1024;
export const reasonBytes = 64 * 1024;

/** Codes of the `wish` column: nothing, a hold without a reason, or a hold with reason number `code - firstReason`. */
const nothing = 0;
const unexplained = 1;
const firstReason = 2;

/** The part of {@link WishColumns} that is in use, as bytes. */
export interface UsedWishes {
  /** Two bytes a row. */
  readonly wish: Uint8Array;
  /** Four bytes a reason. */
  readonly ends: Uint8Array;
  readonly text: Uint8Array;
}

/**
 * What one policy wishes in one tick, by the rows of the snapshot that it saw. In memory that its thread and the
 * cycle share. Nothing in it can be out of range: whatever a policy's thread has written, each row is wished or is not.
 */
export class WishColumns {
  readonly #wish: Uint16Array;
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
    this.#ends = place(Int32Array, maxReasons);
    this.#wish = place(Uint16Array, capacity);
    this.#text = place(Uint8Array, reasonBytes);
  }

  static allocate(capacity: number): WishColumns {
    return new WishColumns(new SharedArrayBuffer(WishColumns.bytes(capacity)), capacity);
  }

  static bytes(capacity: number): number {
    return maxReasons * 4 + capacity * 2 + reasonBytes;
  }

  /** Forgets the wishes for the first `rows` rows, and all reasons. */
  clear(rows: number): void {
    this.#wish.fill(nothing, 0, rows);
    this.#known.clear();
    this.#reasons = 0;
    this.#used = 0;
  }

  wishHold(row: number, reason: string | undefined): void {
    this.#wish[row] = reason === undefined ? unexplained : this.#codeOf(reason);
  }

  isWished(row: number): boolean {
    return this.#wish[row] !== nothing;
  }

  /** Number of the reason for a wished row, for {@link reason}; -1 when none was given. */
  reasonNumber(row: number): number {
    const code = this.#wish[row] ?? nothing;
    return code < firstReason || code - firstReason >= maxReasons ? -1 : code - firstReason;
  }

  /** The text of a reason. What the other thread has spoilt reads as some other text. */
  reason(number: number): string {
    const begin = number === 0 ? 0 : this.#end(number - 1);
    const end = Math.min(this.#end(number), begin + longestReasonBytes);
    return Buffer.from(this.#text.slice(begin, Math.max(begin, end))).toString("utf8");
  }

  /** Views on what the first `rows` rows say, for a copy. */
  used(rows: number): UsedWishes {
    let reasons = 0;
    for (let row = 0; row < rows; row++) reasons = Math.max(reasons, this.reasonNumber(row) + 1);
    let textBytes = 0;
    for (let number = 0; number < reasons; number++) textBytes = Math.max(textBytes, this.#end(number));
    return {
      wish: bytesOf(this.#wish, rows * 2),
      ends: bytesOf(this.#ends, reasons * 4),
      text: bytesOf(this.#text, textBytes),
    };
  }

  /** Takes over such a copy. */
  fill({ wish, ends, text }: UsedWishes): void {
    bytesOf(this.#wish, wish.length).set(wish);
    bytesOf(this.#ends, ends.length).set(ends);
    this.#text.set(text);
  }

  #end(number: number): number {
    return Math.min(Math.max(this.#ends[number] ?? 0, 0), reasonBytes);
  }

  #codeOf(reason: string): number {
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

function bytesOf({ buffer, byteOffset }: ArrayBufferView, bytes: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset, bytes);
}

/** Longer reasons are cut: they are meant for a line of a log. */
const longestReasonBytes = 400;
const encoder = new TextEncoder();
