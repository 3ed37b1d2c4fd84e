import assert from "node:assert/strict";
import idleOnly, { type Options } from "../../plugins/idle-only/index.js";
import type { DomainSpec, WindowsBuild } from "../../native/simulated/index.js";
import { defaults } from "./idle-only/sketches.js";
import { holdNamed, linuxProfile, ScheduledHost, windowsProfile } from "../core/cycle/scheduled-host.js";

const burn = { kind: "burn" } as const;
const worker = { kind: "alternate", busyMs: 2000, idleMs: 2000 } as const;
const intervals = { second: 20, phase: 40 } as const;

const options: Options = {
  ...defaults,
  background: [{ domain: "*", process: "background" }],
  idleTicks: 2,
};

function domain(os: "linux" | "windows", vcpuCount: number, processes: DomainSpec["processes"]): DomainSpec {
  return { name: os, os, kind: os === "windows" ? "hvm" : "pvh", vcpuCount, processes: processes ?? [] };
}

/** The whole scheduler with idle-only on a Linux and a Windows: one has the background, the other works and rests in turn. */
async function mixed(
  home: "linux" | "windows",
  build: WindowsBuild,
  vcpuCount: number,
  threads: number,
): Promise<ScheduledHost> {
  const other = home === "windows" ? "linux" : "windows";
  const background = {
    comm: "background",
    workload: { kind: "threads", count: threads, each: burn },
  } as const;
  const windowsBuild = { windowsBuild: build };
  const domains = [
    { ...domain(home, vcpuCount, [background]), ...windowsBuild },
    { ...domain(other, 1, [{ comm: "worker", workload: worker }]), ...windowsBuild },
  ];
  const scheduled = new ScheduledHost({ domains, profiles: [linuxProfile, windowsProfile], seed: build });
  const state = idleOnly.init(options);
  scheduled.decide = (host) => idleOnly.decide(host, options, state);
  await scheduled.attach();
  return scheduled;
}

/** CPU time that the background gains in a second that begins half a second after the worker has become busy, or idle. */
async function gainedWhile(scheduled: ScheduledHost, home: string, busy: boolean): Promise<number> {
  const other = home === "windows" ? "linux" : "windows";
  const works = async () => (await scheduled.gained(other, "worker", 1)) > 10e6;
  for (const wanted of [!busy, busy]) {
    let left = 2 * intervals.phase;
    while ((await works()) !== wanted) assert.ok(left-- > 0, "the worker works and rests in turn");
  }
  await scheduled.run(intervals.second / 2);
  return scheduled.gained(home, "background", intervals.second);
}

describe("idle-only on a host of Linux and Windows", function () {
  this.timeout(120_000);
  const cases = [
    ["windows", 7601, 1, 1, "alone on its vCPU"],
    ["windows", 7601, 2, 2, "with two threads, each alone on its vCPU"],
    ["windows", 7601, 2, 5, "with more threads than vCPUs"],
    ["windows", 6001, 2, 2, "on Vista, each of two threads alone on its vCPU"],
    ["linux", 7601, 2, 3, "while Windows is the busy one"],
  ] as const;
  for (const [home, build, vcpuCount, threads, what] of cases)
    it(`${home}'s background, ${what}: holds it while the other works, lets it run while that rests`, async () => {
      const scheduled = await mixed(home, build, vcpuCount, threads);
      for (let round = 0; round < 3; round++) {
        assert.equal(await gainedWhile(scheduled, home, true), 0);
        const gained = await gainedWhile(scheduled, home, false);
        const most = Math.min(vcpuCount, threads) * 1e9;
        assert.ok(gained > 0.9 * most, `gained ${gained / 1e9} s of ${most / 1e9} s`);
      }
      assert.deepEqual(scheduled.complaints(), []);
    });

  it("holds a thread that is alone on its vCPU in the very tick that wishes it", async () => {
    const scheduled = await mixed("windows", 7601, 2, 1);
    scheduled.decide = () => [];
    await scheduled.run(intervals.second);
    assert.equal(scheduled.cycle.heldTasks(), 0);
    scheduled.decide = holdNamed("background");
    scheduled.cycle.tick();
    assert.equal(await scheduled.gained("windows", "background", 3 * intervals.second), 0);
    assert.equal(scheduled.cycle.heldTasks(), 1);
    assert.deepEqual(scheduled.complaints(), []);
  });

  it("lets everything go when the scheduler is told to end", async () => {
    const scheduled = await mixed("windows", 7601, 2, 3);
    assert.equal(await gainedWhile(scheduled, "windows", true), 0);
    assert.equal(scheduled.cycle.heldTasks(), 3);
    scheduled.loop.start();
    await scheduled.loop.stop("graceful");
    const before = scheduled.cpuTimeNs("windows", "background");
    scheduled.host.advance(1e9);
    assert.ok(scheduled.cpuTimeNs("windows", "background") - before > 1.8e9);
    const names = new Set(
      scheduled.host
        .windows("windows")
        .threads()
        .map(({ state }) => state),
    );
    assert.ok(names.has("Running"));
    assert.deepEqual(scheduled.complaints(), []);
  });
});
