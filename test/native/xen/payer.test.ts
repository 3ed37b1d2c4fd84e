import assert from "node:assert/strict";
import { XenPayer } from "../../../native/xen/payer.js";
import type { XenHypervisor } from "../../../native/xen/xen-hypervisor.js";
import { describeWith } from "../../describe-with.js";
import { missingCompiler } from "./compiler.js";
import { FakeXen, libraryPaths } from "./fake-xen.js";

describeWith("the guardian's way to Xen's domains", missingCompiler(), () => {
  let fake: FakeXen;
  let xen: XenHypervisor;
  let payer: XenPayer;
  beforeEach(() => {
    fake = FakeXen.fresh();
    fake.addPv(1, 0x11, 2);
    xen = fake.open();
    payer = new XenPayer(libraryPaths(fake.path));
  });
  afterEach(() => {
    payer[Symbol.dispose]();
    xen[Symbol.dispose]();
  });

  it("gives back one pause of the count, and sees whether there is one", () => {
    const domain = xen.open(1);
    const { guardianName = "" } = domain;
    const pauses = [domain.pause(), xen.open(1).pause()];
    for (const left of [1, 0]) {
      const reached = payer.reach(guardianName);
      assert.ok(reached !== "gone");
      assert.equal(reached.paused(), true);
      reached.unpause();
      assert.equal(fake.calls.pauseCount(1), left);
    }
    for (const paused of pauses) {
      paused.disown?.();
      paused[Symbol.dispose]();
    }
    assert.equal(fake.calls.unpauses(1), 2);
    const reached = payer.reach(guardianName);
    assert.ok(reached !== "gone");
    assert.equal(reached.paused(), false);
  });

  it("knows a domain by its uuid: another one of the same number is not touched", () => {
    const name = JSON.stringify({ id: 1, uuid: "00000000-0000-0000-0000-000000000000" });
    assert.equal(payer.reach(name), "gone");
    assert.equal(payer.reach(JSON.stringify({ id: 9, uuid: "" })), "gone");
  });
});
