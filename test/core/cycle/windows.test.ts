import assert from "node:assert/strict";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { holdAtRandom, linuxProfile, ScheduledHost, windowsProfile } from "./scheduled-host.js";

const processes: DomainSpec["processes"] = [
  { comm: "burner", workload: { kind: "burn" } },
  { comm: "sleeper", workload: { kind: "sleepy", periodMs: 30, workUs: 6000 } },
  { comm: "threads", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
  { comm: "forker", workload: { kind: "forker", perSecond: 20, childMs: 2 } },
];
const windows = { kind: "hvm", os: "windows", processes } as const;
const guests: readonly DomainSpec[] = [
  { ...windows, name: "vista1", windowsBuild: 6001 },
  { ...windows, name: "vista6", windowsBuild: 6001, vcpuCount: 6 },
  { ...windows, name: "seven2", windowsBuild: 7601, vcpuCount: 2 },
  { ...windows, name: "seven6", windowsBuild: 7601, vcpuCount: 6 },
  { name: "linux", kind: "pvh", vcpuCount: 2, processes },
];

describe("holding and releasing at random, on a host of Linux and Windows", function () {
  this.timeout(120_000);
  for (const pause of ["late", "early"] as const)
    it(`leaves every guest whole and every thread running (pause: ${pause})`, async () => {
      const scheduled = new ScheduledHost({
        domains: guests,
        profiles: [linuxProfile, windowsProfile],
        lockProbability: 0.3,
        pause,
        seed: 7,
      });
      await scheduled.attach();
      scheduled.decide = holdAtRandom(12345);
      await scheduled.run(200);
      assert.deepEqual(scheduled.complaints(), []);
      const committed = scheduled.logged.filter((fields) => fields.outcome === "committed").length;
      assert.ok(committed > 500, `${committed} edits`);
      scheduled.decide = () => [];
      await scheduled.run(20);
      assert.equal(scheduled.cycle.heldTasks(), 0);
      for (const { name } of guests)
        for (const comm of ["burner", "sleeper", "threads"])
          assert.ok((await scheduled.gained(name, comm, 10)) > 0, `${name} ${comm} runs`);
      assert.deepEqual(scheduled.complaints(), []);
      assert.ok(scheduled.host.domains.every((domain) => domain.pauseCount === 0));
    });
});
