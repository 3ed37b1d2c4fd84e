import assert from "node:assert/strict";
import type { DomainSpec } from "../../native/simulated/index.js";
import idleOnly from "../../plugins/idle-only/index.js";
import timeQuota from "../../plugins/time-quota/index.js";
import { hide, rename } from "../native/simulated/rootkit.js";
import { withDefaults } from "./hostile-hosts.js";
import { PolicyHost } from "./policy-host.js";

const burn = { kind: "burn" } as const;
const worker: DomainSpec = { name: "web", kind: "pvh", processes: [{ comm: "service", workload: burn }] };

/** What `batch` is under idle-only, `web` being busy. */
function background(...processes: NonNullable<DomainSpec["processes"]>) {
  const options = withDefaults("idle-only", {
    background: [{ domain: "batch", process: "cheat" }],
  });
  return new PolicyHost(idleOnly, options, [{ name: "batch", kind: "pv", vcpuCount: 2, processes }, worker]);
}

/** What `batch` is under a quota of 20 % for it. */
function quota(sharing: "together" | "each", ...processes: NonNullable<DomainSpec["processes"]>) {
  const options = withDefaults("time-quota", {
    budgets: [
      { name: "b", processes: [{ domain: "batch", process: "cheat" }], sharing, limits: [{ percent: 20 }] },
    ],
  });
  return new PolicyHost(timeQuota, options, [{ name: "batch", kind: "pv", vcpuCount: 2, processes }]);
}

function atMost(found: number, percent: number): void {
  assert.ok(found <= percent, `at most ${String(percent)} % of a CPU, found ${found.toFixed(2)} %`);
}

async function isSound(
  host: PolicyHost<never, never> | ReturnType<typeof background> | ReturnType<typeof quota>,
) {
  await host.run(100);
  assert.deepEqual(host.scheduled.complaints(), []);
}

describe("a guest that cheats", () => {
  const cheat = { comm: "cheat", workload: burn };

  it("does not get a process out of idle-only by another name", async () => {
    const host = background(cheat);
    await host.run(1000);
    host.inGuest("batch", (view) => {
      rename(view, "cheat", "cron");
    });
    atMost(await host.percent(3000, "batch", "cheat"), 0);
    await isSound(host);
  });

  it("does not get a process out of its quota by another name", async () => {
    const host = quota("each", cheat);
    await host.run(1000);
    for (let i = 0; i < 3; i++) {
      host.inGuest("batch", (view) => {
        rename(view, "cheat", `alias-${String(i)}`);
      });
      atMost(await host.percent(10_000, "batch", "cheat"), 21);
    }
    await isSound(host);
  });

  it("does not get a process out of idle-only, or into its pay, by hiding it", async () => {
    const host = background(cheat);
    host.inGuest("batch", (view) => {
      hide(view, "cheat");
    });
    await host.run(1000);
    atMost(await host.percent(2000, "batch", "cheat"), 0);
    host.inGuest("web", (view) => {
      hide(view, "service");
    });
    await host.run(500);
    const hidden = host.scheduled.cycle
      .view()
      .domains.map(({ processes }) => processes.filter((one) => one.hidden).length);
    assert.deepEqual(hidden, [1, 1]);
    atMost(await host.percent(2000, "batch", "cheat"), 0);
    await isSound(host);
  });

  it("does not get a process out of its quota by hiding it", async () => {
    const host = quota("each", cheat);
    host.inGuest("batch", (view) => {
      hide(view, "cheat");
    });
    // What it used before it was found counts as used in the interval that showed it: a debt of some seconds.
    await host.run(10_000);
    const found = await host.percent(20_000, "batch", "cheat");
    atMost(found, 21);
    assert.ok(found > 19, `held for ever: ${found.toFixed(2)} %`);
    await isSound(host);
  });

  const storm = { comm: "cheat", workload: { kind: "forker", perSecond: 20, childMs: 2000 } } as const;

  it("does not get out of idle-only by a storm of forks under other names", async () => {
    const host = background(storm);
    await host.run(3000);
    atMost(await host.percent(3000, "batch", "cheat", "cheat-child"), 1);
    await isSound(host);
  });

  for (const sharing of ["each", "together"] as const)
    it(`does not get out of a quota by a storm of forks, where it is spent ${sharing}`, async () => {
      const host = quota(sharing, storm);
      await host.run(2000);
      const found = await host.percent(30_000, "batch", "cheat", "cheat-child");
      atMost(found, 21.5);
      assert.ok(found > 15, `held for ever: ${found.toFixed(2)} %`);
      await isSound(host);
    }).timeout(60_000);

  it("does not get out of its quota by sleeping whenever somebody looks", async () => {
    // 100 ms in all, as the ticks: it sleeps at every one of them, unless it is held in between.
    const host = quota("each", { comm: "cheat", workload: { kind: "sleepy", periodMs: 40, workUs: 60_000 } });
    atMost(await host.percent(30_000, "batch", "cheat"), 21);
    await isSound(host);
  }).timeout(60_000);
});

describe("a process that mostly waits for a device", () => {
  const sleeper = { comm: "cheat", workload: { kind: "sleepy", periodMs: 20, workUs: 10_000 } } as const;
  const rare = { comm: "cheat", workload: { kind: "sleepy", periodMs: 500, workUs: 5000 } } as const;

  it("is held by idle-only, whether it sleeps at the tick or not", async () => {
    for (const each of [sleeper, rare]) {
      const host = background(each);
      await host.run(2000);
      atMost(await host.percent(5000, "batch", "cheat"), 0);
      await isSound(host);
    }
  });

  it("runs again, as it did before, when idle-only lets it", async () => {
    const idle = withDefaults("idle-only", {
      background: [{ domain: "batch", process: "cheat" }],
    });
    const domains: readonly DomainSpec[] = [
      { name: "batch", kind: "pv", processes: [sleeper] },
      {
        name: "web",
        kind: "pvh",
        processes: [{ comm: "service", workload: { kind: "alternate", busyMs: 3000, idleMs: 6000 } }],
      },
    ];
    const host = new PolicyHost(idleOnly, idle, domains);
    await host.run(1000);
    const found = await host.percent(27_000, "batch", "cheat");
    // A third of a CPU when it may run, which is two thirds of the time.
    assert.ok(found > 18 && found < 24, `${found.toFixed(2)} %`);
    await isSound(host);
  });

  it("keeps to its quota", async () => {
    const host = quota("each", sleeper);
    await host.run(1000);
    const found = await host.percent(30_000, "batch", "cheat");
    assert.ok(found > 19 && found < 21, `${found.toFixed(2)} %`);
    await isSound(host);
  }).timeout(60_000);
});
