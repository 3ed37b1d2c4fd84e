import { testAllPolicies } from "./all-policies.js";

for (const seed of [1, 3]) testAllPolicies(20, seed, () => undefined);
