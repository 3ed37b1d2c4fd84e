import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { runTime } from "./time/campaign.js";

const minutes = Number(process.env.VMMSCHED_CAMPAIGN_MINUTES ?? 60);
const seed = Number(process.env.VMMSCHED_CAMPAIGN_SEED ?? Date.now() % 1_000_000);

describe(`${minutes} minutes of guests' time while the host's clocks jump, seed ${seed}`, function () {
  this.timeout(0);

  it("no drift, no burst of ticks after a gap, no budget paid twice", async () => {
    const { broken, figures } = await runTime(seed, 60 * minutes);
    process.stdout.write(figures.map((line) => `    ${line}\n`).join(""));
    const recipe = `npm run campaign:time -- --seed ${seed} --minutes ${minutes}`;
    assert.equal(broken.length, 0, [...broken.slice(0, 20), recipe].join("\n"));
  });
});
