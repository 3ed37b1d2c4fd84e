import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { runFaults, runsPerHost } from "./faults/campaign.js";

const runs = Number(process.env.VMMSCHED_CAMPAIGN_RUNS ?? 500);
const from = Number(process.env.VMMSCHED_CAMPAIGN_FROM ?? 0);
const seed = Number(process.env.VMMSCHED_CAMPAIGN_SEED ?? Date.now() % 1_000_000);

describe(`${runs} schedulers whose driver fails, seed ${seed}`, function () {
  this.timeout(0);

  it("leave nothing paused, held, changed or torn", async () => {
    const { broken, figures } = await runFaults(seed, from, runs);
    process.stdout.write(figures.map((line) => `    ${line}\n`).join(""));
    const told = broken.map(({ run, what }) => {
      const start = run - (run % runsPerHost);
      const recipe = `npm run campaign:faults -- --seed ${seed} --from ${start} --runs ${run - start + 1}`;
      return `run ${run}: ${what.slice(0, 8).join("\n  ")}\n${recipe}`;
    });
    assert.equal(broken.length, 0, told.join("\n\n"));
  });
});
