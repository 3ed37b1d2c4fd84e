import assert from "node:assert/strict";
import { attachContained } from "../../../core/cycle/contained-kernel.js";
import { toyMachine } from "../../examples/guest-profiles/toy/machine.js";
import toy from "../../examples/guest-profiles/toy/index.js";
import { toyProfile } from "../../examples/toy.js";

/** The toy's kernel, with another `priorityOf`, on a machine that is up. */
function attached(priorityOf: ((nice: number) => number) | undefined, can = true) {
  const machine = toyMachine({ kind: "pvh" });
  machine.advance(500e6);
  const profile = toyProfile("1.0.0", async (...given) => {
    const kernel = await toy.attach(...given);
    if (kernel === undefined) return undefined;
    const { capabilities } = kernel.description;
    const priority = can ? capabilities.priority : ({ can: false, why: "in this test" } as const);
    return Object.assign(kernel, {
      priorityOf,
      description: { ...kernel.description, capabilities: { ...capabilities, priority } },
    });
  });
  return attachContained(profile, machine.domain);
}

describe("a profile's kernel that can change priorities", () => {
  it("is asked once for its scale", async () => {
    let asked = 0;
    const kernel = await attached((nice) => (asked++, 120 + nice));
    assert.deepEqual(
      [-20, 0, 19].map((nice) => kernel?.priorityOf?.(nice)),
      [100, 120, 139],
    );
    assert.equal(asked, 40);
  });

  it("has no scale where it says that it cannot", async () => {
    const kernel = await attached((nice) => nice, false);
    assert.ok(kernel !== undefined && kernel.priorityOf === undefined);
  });

  for (const [what, priorityOf, said] of [
    ["has no scale", undefined, /it can change priorities, and its kernel has no priorityOf/],
    ["gives fractions", (nice: number) => nice / 2, /priorityOf\(-19\) is -9.5, not a 32-bit integer/],
    ["gives nothing", () => undefined as never, /priorityOf\(-20\) is undefined/],
    ["gives more than 32 bits", () => 2 ** 31, /priorityOf\(-20\) is 2147483648/],
  ] as const)
    it(`is refused when it ${what}`, async () => {
      await assert.rejects(attached(priorityOf), { code: "ERR_PROFILE_FAILED", message: said });
    });
});
