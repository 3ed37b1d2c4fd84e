import assert from "node:assert/strict";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import { ScheduledHost } from "./scheduled-host.js";

const shell = "shell";
const child = "shell-child";
const nice = 3;

/** A guest in which something with a nice value of its own starts processes all the time. */
async function hostWithShell(pause: "late" | "early"): Promise<ScheduledHost> {
  const scheduled = new ScheduledHost({
    pause,
    domains: [
      {
        name: "guest",
        kind: "pvh",
        vcpuCount: 2,
        processes: [
          { comm: shell, nice, workload: { kind: "forker", perSecond: 20, childMs: 200 } },
          { comm: "other", workload: { kind: "forker", perSecond: 5, childMs: 50 } },
        ],
      },
    ],
  });
  await scheduled.attach();
  await scheduled.run(2);
  return scheduled;
}

const lowered = (host: HostSnapshot): Iterable<Wish> =>
  host.domains
    .flatMap(({ processes }) => processes)
    .filter(({ name }) => name === shell)
    .map((target) => ({ kind: "priority", target, nice: 19 }));

/** Nice values, by the guest, of all who live and have this name. */
function nices(scheduled: ScheduledHost, comm: string): readonly number[] {
  const guest = scheduled.host.guest("guest");
  return guest
    .processes()
    .filter((entry) => entry.comm === comm && !entry.zombie)
    .map(({ pid }) => guest.procStat(pid)?.nice ?? Number.NaN);
}

describe("processes that inherit a priority of ours", () => {
  for (const pause of ["late", "early"] as const)
    it(`get back what their parent had from the guest (Linux, pause: ${pause})`, async function () {
      this.timeout(120_000);
      const scheduled = await hostWithShell(pause);
      scheduled.decide = lowered;
      await scheduled.run(100);
      assert.deepEqual(nices(scheduled, shell), [19]);
      const given = scheduled
        .events("priority")
        .filter(({ name, outcome }) => name === child && outcome === "committed");
      assert.ok(given.length > 5, `${String(given.length)} children had it`);
      assert.deepEqual(
        new Set(given.map(({ from, to }) => `${String(from)} ${String(to)}`)),
        new Set(["139 123"]),
      );
      scheduled.decide = () => [];
      for (let i = 0; i < 200 && !scheduled.cycle.allReleased(); i++) await scheduled.run(1);
      assert.ok(scheduled.cycle.allReleased());
      assert.ok(nices(scheduled, child).length > 0);
      assert.deepEqual(new Set([...nices(scheduled, shell), ...nices(scheduled, child)]), new Set([nice]));
      assert.deepEqual(
        new Set([...nices(scheduled, "other"), ...nices(scheduled, "other-child")]),
        new Set([0]),
      );
      assert.deepEqual(scheduled.complaints(), []);
    });
});
