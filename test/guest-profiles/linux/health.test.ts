import assert from "node:assert/strict";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { ScheduledHost } from "../../core/cycle/scheduled-host.js";
import { GuestView } from "../../native/simulated/guest-view.js";
import { printkRingbuffer } from "../../../native/simulated/linux/offsets.js";

const guest: DomainSpec = { name: "guest", kind: "pvh", processes: [] };

async function looked(prepare: (host: ScheduledHost) => void = () => undefined) {
  const scheduled = new ScheduledHost({ domains: [guest] });
  prepare(scheduled);
  await scheduled.attach();
  const kernel = scheduled.registry.domains[0]?.kernel;
  assert.ok(kernel !== undefined);
  const finding = () => kernel.findings?.()?.members.find(({ name }) => name === "kernel log");
  return { scheduled, kernel, finding };
}

describe("the health of a Linux guest", () => {
  it("is what its log says: what it said before it was met is counted, and not told", async () => {
    const { scheduled, kernel, finding } = await looked(({ host }) => {
      host.guest("guest").printk("BUG: long ago");
      host.guest("guest").printk("all is well");
    });
    await scheduled.run(1);
    assert.deepEqual(kernel.health?.(), []);
    const { found, certainty } = finding() ?? {};
    assert.match(found ?? "", /^1 complaints in the newest \d lines, the last: BUG: long ago$/);
    assert.equal(certainty, "confirmed");
  });

  it("is told once for each complaint, with its text", async () => {
    const { scheduled, kernel } = await looked();
    kernel.health?.();
    scheduled.host.guest("guest").printk("BUG: one");
    scheduled.host.guest("guest").printk("between");
    scheduled.host.guest("guest").printk("Oops: 0002 [#1] SMP");
    const complaints = kernel.health?.() ?? [];
    assert.deepEqual(
      complaints.map(({ source, text }) => [source, text]),
      [
        ["kernel log", "BUG: one"],
        ["kernel log", "Oops: 0002 [#1] SMP"],
      ],
    );
    assert.deepEqual(kernel.health?.(), []);
  });

  it("is not known where the log cannot be found, and that is told; all else goes on", async () => {
    const { scheduled, kernel, finding } = await looked(({ host }) => {
      using view = new GuestView(host, "guest");
      using paused = view.domain.pause();
      view.write32(paused, view.symbol("printk_rb_static"), printkRingbuffer.size_bits, 77);
    });
    scheduled.host.guest("guest").printk("BUG: unheard");
    await scheduled.run(3);
    assert.deepEqual(kernel.health?.(), []);
    const { certainty, because } = finding() ?? {};
    assert.equal(certainty, "absent");
    assert.match(because ?? "", /prb points to something else; needed for health/);
    assert.equal(scheduled.registry.domains[0]?.managed, true);
  });

  it("is not known where the log leads to memory that is not there", async () => {
    const { scheduled, kernel, finding } = await looked(({ host }) => {
      using view = new GuestView(host, "guest");
      using paused = view.domain.pause();
      view.write64(paused, view.symbol("printk_rb_static"), printkRingbuffer.descs, -(2 ** 45));
    });
    await scheduled.run(1);
    scheduled.host.guest("guest").printk("BUG: unheard");
    await scheduled.run(3);
    assert.deepEqual(kernel.health?.(), []);
    assert.equal(finding()?.certainty, "contradicted");
    assert.equal(scheduled.registry.domains[0]?.managed, true);
  });
});
