import type { Policy } from "../policy.js";
import { policyContract, type PolicyOnTrial } from "./contract.js";
import type { HostSketch } from "./host.js";
import { presentFramework, type TestFramework } from "./test-framework.js";

/** What {@link testPolicy} tries a policy with. */
export interface PolicyTest<Options> {
  /** Complete, as after the defaults of plugin.json were filled in. */
  readonly options: Options;
  /** Hosts on which this policy has something to do; they are shown to it along with the suite's own. */
  readonly samples?: readonly HostSketch[];
  /** Of the random hosts. @default 1 */
  readonly seed?: number;
  /** @default the global `describe` and `it`, or those of node:test */
  readonly framework?: TestFramework;
}

/**
 * The contract that every policy keeps, whatever it is for, as a group of tests: it decides on any host (empty, large,
 * odd, paused, changing), wishes nothing for tasks that are not there, wishes the same for the same hosts, changes
 * nothing that it is given, asks no clock, and has a state that survives a hot reload.
 */
export function testPolicy<Options>(policy: Policy<Options>, test: PolicyTest<NoInfer<Options>>): void {
  const { describe, it } = test.framework ?? presentFramework();
  const trial: PolicyOnTrial = {
    policy,
    options: test.options,
    samples: test.samples ?? [],
    seed: test.seed ?? 1,
  };
  describe("contract of every policy", () => {
    for (const check of policyContract) {
      it(check.title, async () => {
        for (const note of await check.run(trial)) console.log(`      note: ${note}`);
      });
    }
  });
}
