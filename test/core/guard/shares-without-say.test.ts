import assert from "node:assert/strict";
import { dropGreaterShares } from "../../../core/guard/shares-without-say.js";
import type { DomainShare } from "../../../core/hypervisor.js";
import { Wishes } from "../../../core/policies/policies.js";
import { noCap, noIoLimit, noWeight, wishedShare } from "../../../core/share.js";

const uncapped = { weight: 256, capPercent: 0 };
const capped = { weight: 256, capPercent: 50 };

/** What is left of wishes for a weight and a cap. */
function left(own: DomainShare | undefined, hasSay: boolean, weight: number, cap: number, present = own) {
  const wishes = new Wishes(1);
  wishes.wishShare(0, wishedShare(weight, cap, noIoLimit), () => "a policy");
  dropGreaterShares([{ hasSay, shares: { own, present } }], wishes);
  return [wishes.weights[0], wishes.caps[0]];
}

describe("the share of a domain without a say", () => {
  const cases: readonly (readonly [string, readonly unknown[], readonly number[]])[] = [
    ["is no greater weight", left(uncapped, false, 257, noCap), [noWeight, noCap]],
    ["may be a smaller one", left(uncapped, false, 255, noCap), [255, noCap]],
    ["may be its own", left(capped, false, 256, 50), [256, 50]],
    ["may be a cap where it has none", left(uncapped, false, noWeight, 300), [noWeight, 300]],
    ["is no wider cap", left(capped, false, noWeight, 51), [noWeight, noCap]],
    ["is no end of its cap", left(capped, false, noWeight, 0), [noWeight, noCap]],
    ["may be a narrower cap", left(capped, false, noWeight, 49), [noWeight, 49]],
    ["is what it has, where nothing was changed", left(undefined, false, 257, 10, capped), [noWeight, 10]],
    ["is not known where it cannot be read", left(undefined, false, 257, 10), [257, 10]],
  ];
  for (const [what, found, expected] of cases)
    it(what, () => {
      assert.deepEqual(found, expected);
    });

  it("with a say, it is what is wished", () => {
    assert.deepEqual(left(capped, true, 1000, 0), [1000, 0]);
  });
});
