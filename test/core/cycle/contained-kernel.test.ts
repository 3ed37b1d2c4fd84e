import assert from "node:assert/strict";
import type { Complaint } from "../../../core/guest-profile.js";
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

describe("what a profile's kernel says of its guest's health", () => {
  async function said(health: (() => unknown) | undefined) {
    const machine = toyMachine({ kind: "pvh" });
    machine.advance(500e6);
    const profile = toyProfile("1.0.0", async (...given) => {
      const kernel = await toy.attach(...given);
      return kernel && Object.assign(kernel, { health: health as () => readonly Complaint[] });
    });
    return (await attachContained(profile, machine.domain))?.health?.();
  }

  it("is nothing where it cannot tell", async () => {
    assert.deepEqual(await said(undefined), []);
  });

  it("is taken as it is, but for its number and length", async () => {
    const text = "x".repeat(10_000);
    const complaints = await said(() => Array.from({ length: 10_000 }, () => ({ source: "log", text })));
    assert.ok(complaints !== undefined && complaints.length > 0 && complaints.length < 1000);
    for (const { source, text: kept } of complaints) {
      assert.equal(source, "log");
      assert.ok(kept.length > 100 && kept.length < 1000);
    }
  });

  for (const [what, health] of [
    ["throws", () => assert.fail("no idea")],
    ["gives no list", () => ({ length: 1 })],
    ["gives a list of nothing", () => [undefined]],
    ["gives no text", () => [{ source: "log", text: 7 }]],
  ] as const)
    it(`is a mistake of the profile when it ${what}`, async () => {
      await assert.rejects(said(health), { code: "ERR_PROFILE_FAILED", message: /health\(\)/ });
    });
});
