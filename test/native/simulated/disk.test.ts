import assert from "node:assert/strict";
import { GuestView, hostWithGuest, secondNs } from "./guest-view.js";

const mib = 2 ** 20;
const writer = (comm: string) => ({ comm, workload: { kind: "writer" } as const });

/** What /proc/PID/io would say that it has written. */
function writtenBytes(view: GuestView, comm: string): number {
  return view.member(view.task(comm), "task_struct", "ioac.write_bytes");
}

describe("the simulated guest's disk", () => {
  it("serves its writers in turn, at its own speed or that of its limit", () => {
    const host = hostWithGuest("pvh", {
      diskBytesPerSecond: 40 * mib,
      processes: [writer("one"), writer("two"), { comm: "burn", workload: { kind: "burn" } }],
    });
    using view = new GuestView(host, "guest");
    /** MiB per second in the next five. */
    const rates = () => {
      const before = ["one", "two"].map((comm) => writtenBytes(view, comm));
      host.advance(5 * secondNs);
      return ["one", "two"].map((comm, i) => (writtenBytes(view, comm) - (before[i] ?? 0)) / 5 / mib);
    };
    const assertRates = (expected: number) => {
      for (const rate of rates()) assert.ok(Math.abs(rate / expected - 1) < 0.05, `${rate} MiB/s`);
    };
    assert.deepEqual(view.domain.share(), { weight: 256, capPercent: 0, ioBytesPerSecond: 0 });
    assertRates(20);
    view.domain.setShare({ ioBytesPerSecond: 4 * mib });
    assert.equal(view.domain.share()?.ioBytesPerSecond, 4 * mib);
    host.advance(secondNs);
    assertRates(2);
    assert.equal(view.guest.procStat(view.pid("one"))?.state, "D");
    view.domain.setShare({ ioBytesPerSecond: 0 });
    host.advance(secondNs);
    assertRates(20);
    assert.deepEqual(view.guest.console.complaints, []);
  });

  it("is none where none was given: who writes ends, and there is nothing to limit", () => {
    const host = hostWithGuest("pvh", { processes: [writer("one")] });
    using view = new GuestView(host, "guest");
    host.advance(secondNs);
    assert.ok(view.guest.processes().every(({ comm, zombie }) => comm !== "one" || zombie));
    assert.deepEqual(view.domain.share(), { weight: 256, capPercent: 0 });
    assert.throws(() => view.domain.setShare({ ioBytesPerSecond: mib }), { code: "ERR_HYPERVISOR_CALL" });
  });
});
