import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { PoliciesCampaign, type Leftovers } from "./campaign.js";

/** The campaign for so long (guests' time), judged; `tell` is given what it has seen. */
export function testAllPolicies(
  seconds: number,
  seed: number,
  tell: (figures: readonly string[]) => void,
): void {
  describe(`all three policies at once on two Linux and a Windows for ${seconds} s, seed ${seed}`, function () {
    this.timeout(0);
    const campaign = new PoliciesCampaign(seed);
    let left: Leftovers;

    before(async () => {
      await campaign.run(seconds);
      left = await campaign.end();
      tell(campaign.figures);
    });

    for (const [judge, what] of [
      ["wishes", "no wish is lost"],
      ["quota", "no budget is overspent by more than a tick and the reaction"],
      ["tiers", "nothing runs for more than two ticks while a strict tier above it wants all CPUs"],
    ] as const)
      it(what, () => {
        const { count, told } = campaign.judges[judge].violations;
        assert.equal(count, 0, told.join("\n"));
      });

    it("every invariant was put to the test", () => {
      assert.deepEqual(campaign.untested, []);
    });

    it("no policy fails, and no guest's kernel complains", () => {
      assert.deepEqual(campaign.failures, []);
      assert.deepEqual(campaign.complaints(), []);
    });

    it("at the end all is released: holds, nice values, weights", () => {
      assert.deepEqual(left, { held: [], shares: [], nices: [] });
    });
  });
}
