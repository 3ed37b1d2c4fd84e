import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { batchSize, runHostile } from "./campaign.js";
import { hostileMachines } from "./machines.js";

describe("guests whose memory is damaged", function () {
  this.timeout(0);

  it("cost at worst their own management: one batch of mutations of each", async () => {
    const { broken, mutations } = await runHostile(1, 0, batchSize * hostileMachines.length);
    assert.deepEqual(broken, []);
    assert.equal(mutations, batchSize * hostileMachines.length);
  });
});
