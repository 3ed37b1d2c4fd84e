import fc from "fast-check";
import assert from "node:assert/strict";
import { leastNice, mostNice, noNice } from "../../../core/nice.js";
import { maxReasons, WishColumns } from "../../../core/policies/wish-columns.js";
import {
  isCapPercent,
  isWeight,
  leastWeight,
  mostCapPercent,
  mostWeight,
  isIoBytesPerSecond,
  leastIoBytesPerSecond,
  mostIoBytesPerSecond,
  noCap,
  noIoLimit,
  noWeight,
  shareMembers,
} from "../../../core/share.js";
import { maxDomains } from "../../../core/snapshot/domain-columns.js";

const capacity = 50;

interface ReadWish {
  /** Reason of a hold; null: none was given; missing: no hold. */
  hold?: string | null;
  nice?: number;
  niceReason?: string | null;
}

/** What the other side reads: it knows the memory only. */
function read(columns: WishColumns): readonly ReadWish[] {
  const other = new WishColumns(columns.buffer, capacity);
  const text = (number: number) => (number < 0 ? null : other.reason(number));
  return Array.from({ length: capacity }, (_, row) => ({
    ...(other.isHoldWished(row) ? { hold: text(other.holdReason(row)) } : {}),
    ...(other.nice(row) === noNice ? {} : { nice: other.nice(row), niceReason: text(other.niceReason(row)) }),
  }));
}

describe("WishColumns", () => {
  it("what one side wishes the other one reads, with the last reason of each row and the greatest nice value", () => {
    const reason = fc.option(fc.string({ unit: "grapheme", maxLength: 40 }), { nil: undefined });
    const nice = fc.option(fc.integer({ min: leastNice, max: mostNice }), { nil: undefined });
    const wishes = fc.array(fc.tuple(fc.nat(capacity - 1), nice, reason), { maxLength: 200 });
    fc.assert(
      fc.property(fc.array(wishes, { minLength: 1, maxLength: 3 }), (ticks) => {
        const columns = WishColumns.allocate(capacity);
        for (const tick of ticks) {
          columns.clear(capacity);
          const expected = Array.from({ length: capacity }, (): ReadWish => ({}));
          for (const [row, value, text] of tick) {
            const wish = expected[row]!;
            if (value === undefined) {
              columns.wishHold(row, text);
              wish.hold = text ?? null;
            } else {
              columns.wishNice(row, value, text);
              if (value >= (wish.nice ?? noNice))
                Object.assign(wish, { nice: value, niceReason: text ?? null });
            }
          }
          assert.deepEqual(read(columns), expected);
        }
      }),
    );
  });

  for (const [name, reasons] of [
    ["more reasons than there is room for", Array.from({ length: 2000 }, (_, i) => `reason ${i}`)],
    ["more text than there is room for", Array.from({ length: 400 }, (_, i) => `${i} `.repeat(100))],
  ] as const)
    it(`${name}: the rest is wished without a reason`, () => {
      const columns = new WishColumns(new ArrayBuffer(WishColumns.bytes(reasons.length)), reasons.length);
      reasons.forEach((reason, row) => columns.wishHold(row, reason));
      const other = new WishColumns(columns.buffer, reasons.length);
      const numbers = reasons.map((_, row) => other.holdReason(row));
      const room = numbers.indexOf(-1);
      assert(room > 100 && room <= 1024, `room for ${room}`);
      assert(numbers.slice(room).every((number) => number === -1));
      assert(reasons.every((_, row) => other.isHoldWished(row)));
      for (let row = 0; row < room; row++)
        assert.equal(other.reason(numbers[row]!), reasons[row]!.slice(0, 400));
    });

  it("a long reason is cut at the end of a character", () => {
    const columns = WishColumns.allocate(1);
    columns.wishHold(0, `a${"ü".repeat(1000)}`);
    assert.equal(columns.reason(columns.holdReason(0)), `a${"ü".repeat(199)}`);
  });

  it("of several weights of a domain the smallest is read, and so of caps and of I/O limits, with their reasons", () => {
    const weight = fc.option(fc.integer({ min: leastWeight, max: mostWeight }), { nil: undefined });
    const cap = fc.option(fc.integer({ min: 0, max: mostCapPercent }), { nil: undefined });
    const limit = fc.option(
      fc.oneof(fc.constant(0), fc.integer({ min: leastIoBytesPerSecond, max: mostIoBytesPerSecond })),
      { nil: undefined },
    );
    const wishes = fc.array(fc.tuple(fc.nat(3), weight, cap, limit, fc.string({ maxLength: 9 })), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(fc.array(wishes, { minLength: 1, maxLength: 3 }), (ticks) => {
        const columns = WishColumns.allocate(capacity);
        for (const tick of ticks) {
          columns.clear(capacity);
          for (const [row, each, capPercent, ioBytesPerSecond, why] of tick)
            columns.wishShare(row, { weight: each, capPercent, ioBytesPerSecond }, why);
          const other = new WishColumns(columns.buffer, capacity);
          for (let row = 0; row < 4; row++) {
            const own = tick.filter(([each]) => each === row);
            const wished = (member: 1 | 2 | 3) =>
              own.flatMap((each) =>
                each[member] === undefined ? [] : [[each[member] || Infinity, each[4]] as const],
              );
            const least = (all: readonly (readonly [number, string])[]) =>
              all.reduceRight((best, each) => (each[0] < best[0] ? each : best), all.at(-1) ?? [NaN, ""]);
            const read = (value: number, none: number, reason: number) =>
              value === none ? [NaN, ""] : [value, other.reason(reason)];
            const share = [
              read(other.weight(row), noWeight, other.shareReason(row, "weight")),
              read(other.capPercent(row) || Infinity, noCap, other.shareReason(row, "capPercent")),
              read(
                other.ioBytesPerSecond(row) || Infinity,
                noIoLimit,
                other.shareReason(row, "ioBytesPerSecond"),
              ),
            ];
            assert.deepEqual(share, [least(wished(1)), least(wished(2)), least(wished(3))]);
          }
        }
      }),
    );
  });

  it("rows that do not exist are wished in vain", () => {
    const columns = WishColumns.allocate(capacity);
    for (const row of [-1, capacity, 1.5, Number.NaN, Infinity, 2 ** 40]) {
      columns.wishHold(row, "x");
      columns.wishNice(row, 5, "x");
      const share = { weight: 5, capPercent: 5, ioBytesPerSecond: 1e6 };
      if (row !== capacity) columns.wishShare(row, share, "x");
    }
    for (let row = 0; row < maxDomains; row++) assert.deepEqual(columns.share(row), {});
    assert(read(columns).every((each) => Object.keys(each).length === 0));
  });

  it("spoilt memory reads as some wishes, never out of range", () => {
    const bytes = fc.uint8Array({ minLength: 64, maxLength: 512 });
    fc.assert(
      fc.property(bytes, fc.nat(), (noise, at) => {
        const columns = WishColumns.allocate(capacity);
        const memory = new Uint8Array(columns.buffer);
        for (let i = 0; i < memory.length; i++) memory[i] = noise[(i + at) % noise.length]!;
        for (const { hold, nice, niceReason } of read(columns)) {
          assert([hold, niceReason].every((text) => Buffer.byteLength(text ?? "") <= 3 * 400));
          assert(nice === undefined || (leastNice <= nice && nice <= mostNice));
        }
        for (let row = 0; row < maxDomains; row += 37) {
          const [weight, cap] = [columns.weight(row), columns.capPercent(row)];
          assert(weight === noWeight || isWeight(weight), `weight ${weight}`);
          assert(cap === noCap || isCapPercent(cap), `cap ${cap}`);
          const limit = columns.ioBytesPerSecond(row);
          assert(limit === noIoLimit || isIoBytesPerSecond(limit), `limit ${limit}`);
          for (const member of shareMembers) assert(columns.shareReason(row, member) < maxReasons);
        }
      }),
    );
  });
});
