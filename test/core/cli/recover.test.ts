import assert from "node:assert/strict";
import type { RecoveryReport } from "../../../core/cycle/recovery-report.js";
import { VmmschedError } from "../../../core/errors.js";
import { runWith } from "./command-line.js";

const nothing: RecoveryReport = {
  schema: 1,
  complete: true,
  undone: [],
  dropped: [],
  left: [],
  problems: [],
};
const report: RecoveryReport = {
  ...nothing,
  complete: false,
  undone: [
    { what: "release", domain: "web", pid: 7, tid: 8, name: "burn\u001b" },
    { what: "priority", domain: "web", pid: 7, tid: 8, name: "burn", from: 139, to: 120 },
    {
      ...{ what: "share", domain: "web" },
      ...{ from: { weight: 9, capPercent: 0 }, to: { weight: 256, capPercent: 50 } },
    },
  ],
  dropped: [{ domain: "old", uuid: "u", reason: "it is gone", holds: 1, priorities: 0, share: false }],
  left: [
    { domain: "bsd", uuid: "v", what: "hold", pid: 1, tid: 2, name: "sh", reason: "not recognised" },
    { domain: "bsd", uuid: "v", what: "share", reason: "not recognised" },
  ],
  problems: ["the journal's last record was cut off"],
};
const recovering = (found: RecoveryReport) => ({ recover: () => Promise.resolve(found) });

describe("vmmsched recover", () => {
  it("ends with 0 when nothing is left", async () => {
    const { exitCode, stdout } = await runWith(recovering(nothing), "recover");
    assert.deepEqual([exitCode, stdout], [0, "nothing is held or changed\n"]);
  });

  it("tells what it did and what is left, and ends with 1 then", async () => {
    const { exitCode, stdout } = await runWith(recovering(report), "recover");
    assert.equal(exitCode, 1);
    assert.deepEqual(stdout.split("\n"), [
      "web: released burn\\x1b 7/8",
      "web: priority 120 given back to burn 7/8, which had 139",
      "web: weight 256 and cap 50 % given back",
      "old: dropped: it is gone",
      "bsd: LEFT: hold of sh 1/2: not recognised",
      "bsd: LEFT: share: not recognised",
      "problem: the journal's last record was cut off",
      "something is left",
      "",
    ]);
  });

  it("prints the same as JSON", async () => {
    const { exitCode, stdout } = await runWith(recovering(report), "recover", "--json");
    assert.deepEqual([exitCode, JSON.parse(stdout)], [1, report]);
  });

  it("ends with 3 when a scheduler runs, and with 1 on other errors", async () => {
    const failing = (code: "ERR_SCHEDULER_RUNS" | "ERR_CONTROL_SOCKET") => ({
      recover: () => Promise.reject(new VmmschedError(code, "no")),
    });
    assert.deepEqual(await runWith(failing("ERR_SCHEDULER_RUNS"), "recover"), {
      ...{ exitCode: 3, stdout: "", stderr: "vmmsched: no [ERR_SCHEDULER_RUNS]\n" },
    });
    assert.equal((await runWith(failing("ERR_CONTROL_SOCKET"), "recover")).exitCode, 1);
  });
});
