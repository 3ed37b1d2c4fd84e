import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { batchSize } from "./hostile/campaign.js";
import { watchedRun } from "./hostile/watched-run.js";

const mutations = Number(process.env.VMMSCHED_CAMPAIGN_MUTATIONS ?? 20_000);
const from = Number(process.env.VMMSCHED_CAMPAIGN_FROM ?? 0);
const seed = Number(process.env.VMMSCHED_CAMPAIGN_SEED ?? Date.now() % 1_000_000);

describe(`${mutations} mutations of guests' memory, seed ${seed}`, function () {
  this.timeout(0);

  it("no crash, no endless reading, no write that was not planned, no buffer of a guest's choice", async () => {
    const { broken, figures } = await watchedRun(seed, from, mutations);
    process.stdout.write(figures.map((line) => `    ${line}\n`).join(""));
    const told = broken.map(({ mutation, machine, what }) => {
      const start = mutation - (mutation % batchSize);
      const recipe = `npm run campaign:hostile -- --seed ${seed} --from ${start} --mutations ${mutation - start + 1}`;
      return `mutation ${mutation}, ${machine}: ${what}\n${recipe}`;
    });
    assert.equal(broken.length, 0, told.join("\n\n"));
  });
});
