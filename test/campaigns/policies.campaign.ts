import { testAllPolicies } from "./policies/all-policies.js";

const minutes = Number(process.env.VMMSCHED_CAMPAIGN_MINUTES ?? 10);
const seed = Number(process.env.VMMSCHED_CAMPAIGN_SEED ?? Date.now() % 1_000_000);

testAllPolicies(60 * minutes, seed, (figures) => {
  process.stdout.write(figures.map((line) => `    ${line}\n`).join(""));
});
