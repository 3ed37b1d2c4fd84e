import assert from "node:assert/strict";
import fc from "fast-check";
import { AddressSet } from "../../../guest-profiles/linux/address-set.js";

/** Few different ones close to each other, and far ones that differ in their high or low words only. */
const address = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((n) => -(2 ** 46) + 64 * n),
  fc.integer({ min: 1, max: 40 }).map((n) => -(2 ** 56) + n * 2 ** 32),
  fc.integer({ min: -(2 ** 30), max: -1 }).map((n) => n * 8),
);

describe("a set of guest addresses", () => {
  it("has what was added since it was cleared, and nothing else", () => {
    const set = new AddressSet();
    fc.assert(
      fc.property(
        fc.array(address, { maxLength: 200 }),
        fc.array(address, { maxLength: 50 }),
        (added, asked) => {
          set.clear();
          const model = new Set(added);
          for (const one of added) set.add(Float64Array.of(one), 0);
          for (const one of [...added, ...asked])
            assert.equal(set.has(Float64Array.of(one), 0), model.has(one));
        },
      ),
    );
  });

  it("grows with what is added, and loses none of it", () => {
    const set = new AddressSet();
    const all = Float64Array.from({ length: 20_000 }, (_, n) => -(2 ** 47) + 9728 * n);
    all.forEach((_, index) => set.add(all, index));
    assert.ok(all.every((_, index) => set.has(all, index)));
    assert.ok(!all.some((one) => set.has(Float64Array.of(one + 8), 0)));
    set.clear();
    assert.ok(!all.some((_, index) => set.has(all, index)));
  });
});
