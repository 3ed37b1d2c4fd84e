import assert from "node:assert/strict";
import type { Policy } from "../policy.js";
import { host, type HostSketch } from "./host.js";
import { startPolicy } from "./policy-run.js";
import { presentFramework, type TestFramework } from "./test-framework.js";
import { wished } from "./wishes.js";

/**
 * One line of a table: a host, and what is wished on it, as {@link wished} has it; or several hosts, one tick each, and
 * what is wished in each of them. `changed` is what differs from the table's options.
 */
export type PolicyRow<Options> =
  | readonly [title: string, host: HostSketch, wished: readonly string[], changed?: Partial<Options>]
  | readonly [
      title: string,
      hosts: readonly HostSketch[],
      wished: readonly (readonly string[])[],
      changed?: Partial<Options>,
    ];

/**
 * A test for every row: given this host, the policy wishes this, in this order. Every row starts the policy anew.
 * @param framework default: the global `describe` and `it`, or those of node:test
 */
export function policyTable<Options extends object>(
  policy: Policy<Options>,
  options: NoInfer<Options>,
  rows: readonly PolicyRow<NoInfer<Options>>[],
  framework: TestFramework = presentFramework(),
): void {
  for (const [title, hosts, expected, changed] of rows) {
    framework.it(title, () => {
      const sketches = "domains" in hosts ? [hosts] : hosts;
      const found = wishedInTurn(policy, { ...options, ...changed }, sketches);
      assert.deepEqual("domains" in hosts ? found[0] : found, expected);
    });
  }
}

/** What a policy wishes on each of these hosts in turn, as {@link wished} has it. */
export function wishedInTurn<Options>(
  policy: Policy<Options>,
  options: NoInfer<Options>,
  hosts: readonly HostSketch[],
): readonly (readonly string[])[] {
  const run = startPolicy(policy, options);
  return hosts.map((sketch) => {
    const seen = host(sketch);
    return wished(run.decide(seen), seen);
  });
}
