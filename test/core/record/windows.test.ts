import assert from "node:assert/strict";
import { RecordReader } from "../../../core/record/record-reader.js";
import { Replay, type ReplayedTick } from "../../../core/record/replay.js";
import { HostView } from "../../../core/snapshot/host-view.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import idleOnly from "../../../plugins/idle-only/index.js";
import { linuxProfile, ScheduledHost, windowsProfile } from "../cycle/scheduled-host.js";
import { bytesOf, idleOnlyOptions, loadedIdleOnly, RecordedPolicy, TestFolder } from "./recorded-host.js";

const ticks = 120;
const domains: readonly DomainSpec[] = [
  {
    name: "batch",
    kind: "hvm",
    os: "windows",
    vcpuCount: 2,
    processes: [{ comm: "burn.exe", workload: { kind: "threads", count: 3, each: { kind: "burn" } } }],
  },
  {
    name: "web",
    kind: "pvh",
    processes: [{ comm: "service", workload: { kind: "alternate", busyMs: 400, idleMs: 600 } }],
  },
];

describe("a record of a host of Linux and Windows", function () {
  this.timeout(120_000);
  it("has the threads of Windows with their holds, and is replayed with the same wishes", async () => {
    let asked: RecordedPolicy | undefined;
    const scheduled = new ScheduledHost({
      domains,
      profiles: [linuxProfile, windowsProfile],
      policies: (columns) => (asked = new RecordedPolicy(columns, "idle-only", idleOnly, idleOnlyOptions)),
    });
    await scheduled.attach();
    assert.ok(asked !== undefined);
    const writer = asked.record();
    await scheduled.run(ticks);
    using folder = new TestFolder();
    await using reader = await RecordReader.open(folder.file("a.vmmrec", bytesOf(writer)));
    const replay = new Replay(reader, loadedIdleOnly(), undefined);
    const view = new HostView(reader.host);
    const replayed: ReplayedTick[] = [];
    const seen = new Set<string>();
    for await (const item of replay.items()) {
      if (item.kind === "tick") replayed.push(item);
      for (const domain of view.refresh().domains)
        for (const { name, threads } of domain.processes)
          for (const { hold, scheduling } of threads)
            seen.add(`${domain.name} ${name} ${hold} ${scheduling}`);
    }
    assert.equal(replayed.length, ticks);
    assert.ok(replayed.every(({ differs }) => !differs));
    const held = replayed.filter(({ processes }) =>
      processes.some((process) => process.recorded === 3),
    ).length;
    assert.ok(held > ticks / 4 && held < ticks, `held in ${held} ticks`);
    for (const row of ["batch System none other", "batch burn.exe none other", "batch burn.exe held other"])
      assert.ok(seen.has(row), row);
    assert.deepEqual(scheduled.complaints(), []);
  });
});
