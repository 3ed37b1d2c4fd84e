import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StatusReport } from "../../../core/control/status-report.js";
import type { Explanation } from "../../../core/cycle/explain/explanation.js";
import { inRepository } from "../../repository.js";
import { ControlPlace } from "../control/socket/control-place.js";
import { runWith } from "./command-line.js";

const patienceMs = 60_000;
const config = `
driver: simulated
policyDeadlineMs: 1000
runtimeDirectory: .
stateDirectory: state
policies:
  - name: idle-only
    options: { background: [{ domain: batch, process: background }], busyTicks: 10, idleTicks: 1000 }
  - name: time-quota
    options: { budgets: [{ name: all, processes: [{ domain: batch, process: background }], limits: [{ percent: 0.1 }] }] }
  - name: priority-tiers
    options: { tiers: [{ name: low, weight: 10, nice: 7 }] }
`;

describe("vmmsched explain, of a scheduler that runs on the simulated host", function () {
  this.timeout(3 * patienceMs);

  it("explains what status says is held or changed, by three policies in their threads", async () => {
    using place = new ControlPlace();
    const file = join(place.directory, "vmmsched.yaml");
    writeFileSync(file, config);
    const child = spawn(process.execPath, [inRepository("dist/core/main.js"), "run", "-c", file], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = once(child, "exit");
    try {
      const ask = (...args: readonly string[]) => runWith({}, ...args, "--json", "--socket", place.socket);
      const deadline = performance.now() + patienceMs;
      let explanation: Explanation | undefined;
      for (;;) {
        const { stdout } = await ask("status");
        const status = stdout === "" ? undefined : (JSON.parse(stdout) as StatusReport);
        const [held] = status?.held ?? [];
        if (held !== undefined) {
          const ran = await ask("explain", held.domain, String(held.pid));
          if (ran.exitCode === 0) explanation = JSON.parse(ran.stdout) as Explanation;
          const [thread] = explanation?.processes?.[0]?.threads ?? [];
          const policies = thread?.wished.map(({ policy }) => policy) ?? [];
          if (policies.length === 3 && thread?.priority.presentNice === 7 && thread.hold.state === "held")
            break;
        }
        assert.equal(child.exitCode, null);
        assert.ok(performance.now() < deadline, `not within its time: ${JSON.stringify(explanation)}`);
        await sleep(50);
      }
      const [process] = explanation?.processes ?? [];
      const [thread] = process?.threads ?? [];
      assert.deepEqual([explanation?.domain.name, process?.name], ["batch", "background"]);
      assert.deepEqual(
        thread?.wished.map(({ policy, hold, nice }) => [policy, hold?.value, nice?.value]),
        [
          ["idle-only", true, undefined],
          ["time-quota", true, undefined],
          ["priority-tiers", undefined, 7],
        ],
      );
      assert.deepEqual([thread.hold.counts, thread.priority.niceCounts], [true, 7]);
      assert.ok((thread.hold.heldForNs ?? 0) > 0 && (thread.priority.changedForNs ?? 0) > 0);
      const unknown = await ask("explain", "bacth", "1");
      assert.equal(unknown.exitCode, 1);
      assert.match(unknown.stderr, /did you mean "batch"\?[^]*\[ERR_DOMAIN_UNKNOWN\]/);
      const page = await runWith({}, "explain", "batch", String(process?.pid), "--socket", place.socket);
      assert.match(
        page.stdout,
        /\nhold {6}is to be held for [0-9.]+ (s|min): a hold counts if any policy wishes it/,
      );
    } finally {
      child.kill("SIGTERM");
      await ended;
    }
    assert.equal(child.exitCode, 0);
  });
});
