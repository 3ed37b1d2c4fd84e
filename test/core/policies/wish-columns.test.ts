import fc from "fast-check";
import assert from "node:assert/strict";
import { WishColumns } from "../../../core/policies/wish-columns.js";

const capacity = 50;

/** What the other side reads: it knows the memory only. */
function read(columns: WishColumns): readonly (string | null | undefined)[] {
  const other = new WishColumns(columns.buffer, capacity);
  return Array.from({ length: capacity }, (_, row) => {
    if (!other.isWished(row)) return undefined;
    const number = other.reasonNumber(row);
    return number < 0 ? null : other.reason(number);
  });
}

describe("WishColumns", () => {
  it("what one side wishes the other one reads, with the last reason of each row", () => {
    const reason = fc.option(fc.string({ unit: "grapheme", maxLength: 40 }), { nil: undefined });
    const wishes = fc.array(fc.tuple(fc.nat(capacity - 1), reason), { maxLength: 200 });
    fc.assert(
      fc.property(fc.array(wishes, { minLength: 1, maxLength: 3 }), (ticks) => {
        const columns = WishColumns.allocate(capacity);
        for (const tick of ticks) {
          columns.clear(capacity);
          const expected = new Array<string | null | undefined>(capacity).fill(undefined);
          for (const [row, text] of tick) {
            columns.wishHold(row, text);
            expected[row] = text ?? null;
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
      const numbers = reasons.map((_, row) => other.reasonNumber(row));
      const room = numbers.indexOf(-1);
      assert(room > 100 && room <= 1024, `room for ${room}`);
      assert(numbers.slice(room).every((number) => number === -1));
      assert(reasons.every((_, row) => other.isWished(row)));
      for (let row = 0; row < room; row++)
        assert.equal(other.reason(numbers[row]!), reasons[row]!.slice(0, 400));
    });

  it("a long reason is cut at the end of a character", () => {
    const columns = WishColumns.allocate(1);
    columns.wishHold(0, `a${"ü".repeat(1000)}`);
    assert.equal(columns.reason(columns.reasonNumber(0)), `a${"ü".repeat(199)}`);
  });

  it("rows that do not exist are wished in vain", () => {
    const columns = WishColumns.allocate(capacity);
    for (const row of [-1, capacity, 1.5, Number.NaN, Infinity, 2 ** 40]) columns.wishHold(row, "x");
    assert(read(columns).every((each) => each === undefined));
  });

  it("spoilt memory reads as some wishes, never out of range", () => {
    const bytes = fc.uint8Array({ minLength: 64, maxLength: 512 });
    fc.assert(
      fc.property(bytes, fc.nat(), (noise, at) => {
        const columns = WishColumns.allocate(capacity);
        const memory = new Uint8Array(columns.buffer);
        for (let i = 0; i < memory.length; i++) memory[i] = noise[(i + at) % noise.length]!;
        for (const each of read(columns))
          assert(each === undefined || each === null || Buffer.byteLength(each) <= 3 * 400);
      }),
    );
  });
});
