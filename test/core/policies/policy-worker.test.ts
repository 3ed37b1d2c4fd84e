import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { PolicyWorker } from "../../../core/policies/policy-worker.js";
import { Wishes } from "../../../core/policies/policies.js";
import { isFromPolicy } from "../../../core/policies/thread-messages.js";
import { WorkerPolicies } from "../../../core/policies/worker-policies.js";
import { HostColumns } from "../../../core/snapshot/host-columns.js";
import { HostTicks } from "./host-ticks.js";
import { PolicyFolder } from "./policy-host.js";

/** Sees that all rows are of one snapshot, and says of which. */
const checking = `export default { decide(host) {
  const stamp = host.timeNs / 1e6;
  const tasks = host.domains.flatMap((d) => d.processes).flatMap((p) => p.threads);
  for (const task of tasks) if (task.priority !== stamp || task.cpuTimeNs !== stamp) throw new Error("torn");
  return tasks.map((target) => ({ kind: "hold", target, reason: String(stamp) }));
} };`;

describe("PolicyWorker", function () {
  this.timeout(60_000);

  it("sees whole snapshots only, and is never misunderstood, however fast the cycle goes on without it", async () => {
    using folder = new PolicyFolder();
    const tasks = 300;
    const columns = HostColumns.allocate(tasks);
    const host = new HostTicks(columns, tasks);
    const patience = { loadMs: 10_000, stateMs: 5_000, hangMs: 60_000 };
    const settings = { host: columns.buffers, capacity: tasks, memoryMb: 64 };
    const thread = new PolicyWorker(
      folder.spec("p", checking),
      settings,
      patience,
      undefined,
      () => undefined,
    );
    try {
      await thread.loaded();
      await thread.start(undefined);
      // So short that many answers are late, and many are not.
      const policies = new WorkerPolicies(columns, 0.2);
      policies.use([{ name: "p", incarnation: thread.incarnation, channel: thread.channel.buffers }]);
      const wishes = new Wishes(tasks);
      const seen = { answered: 0, late: 0 };
      for (let tick = 0; tick < 20_000; tick++) {
        const stamp = host.next();
        policies.decide(wishes);
        const reasons = new Set(wishes.reasons.slice(0, tasks).filter((_, row) => wishes.holds[row] === 1));
        if (reasons.size === 0) continue;
        assert.equal(reasons.size, 1);
        const [reason = ""] = reasons;
        if (reason === `p: ${stamp}`) seen.answered++;
        else {
          assert.equal(reason, "p: as before, its answer is late");
          seen.late++;
        }
        if (tick % 1000 === 0) await setImmediate();
      }
      await setImmediate();
      assert.equal(thread.failure, undefined);
      assert(seen.answered > 100 && seen.answered + seen.late > 10_000, JSON.stringify(seen));
    } finally {
      await thread.end();
    }
  });

  it("takes nothing from a thread that is not a message of ours", () => {
    for (const message of [
      null,
      undefined,
      5,
      "ready",
      [],
      {},
      { type: 5 },
      { type: "exit" },
      { type: "toString" },
    ])
      assert.equal(isFromPolicy(message), false, JSON.stringify(message));
    for (const type of ["ready", "started", "fault"]) assert(isFromPolicy({ type }));
  });
});
