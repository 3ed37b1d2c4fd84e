import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pagesIn, Subject, untilAllRun } from "../../campaigns/kill/subject.js";
import { ScriptedMachine } from "../../native/qemu/scripted-machine.js";
import { inRepository } from "../../repository.js";

const patienceMs = 20_000;

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!holds()) {
    assert.ok(performance.now() < deadline, what);
    await sleep(10);
  }
}

describe("the guardian's process", function () {
  this.timeout(120_000);
  let directory = "";
  let machine: ScriptedMachine;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "vmmsched-guardian-"));
    machine = await ScriptedMachine.start();
  });
  afterEach(async () => {
    await machine[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  it("resumes what a killed scheduler had paused, and ends", async () => {
    using subject = await Subject.start(directory, [machine]);
    subject.signal("SIGKILL");
    await subject.ended();
    await untilAllRun([machine], patienceMs);
    await eventually("its page is gone", () => pagesIn(directory).length === 0);
  });

  it("is replaced when it is killed, and nothing is paused meanwhile", async () => {
    using subject = await Subject.start(directory, [machine]);
    const { guardian = 0, refused } = subject.account;
    process.kill(guardian, "SIGKILL");
    await subject.until("pauses are refused", (account) => account.refused > refused);
    await untilAllRun([machine], patienceMs);
    await subject.until("there is another", (account) => account.alive && account.guardian !== guardian);
    const { edits } = subject.account;
    await subject.until("it edits again", (account) => account.edits > edits);
  });

  it("pays what both owed who died at once", async () => {
    using first = await Subject.start(directory, [machine]);
    process.kill(first.account.guardian ?? 0, "SIGKILL");
    first.signal("SIGKILL");
    await first.ended();
    // Whether or not they died in a pause: the page says so, and this does what such a pause comes to.
    using second = await Subject.start(directory, [machine]);
    await untilAllRun([machine], patienceMs);
    assert.equal(pagesIn(directory).length, 1);
    assert.ok(second.account.alive);
  });

  it("recovers when the scheduler has died, and not when it has ended by itself", async () => {
    const done = join(directory, "recovered");
    const script = join(directory, "recover.mjs");
    writeFileSync(
      script,
      `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(done)}, "");`,
    );
    const program = inRepository("dist/test/core/guardian/brief-scheduler.js");
    for (const end of ["of itself", "killed"] as const) {
      const child = fork(program, [directory, script], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
      const [[guardian]] = (await Promise.all([once(child, "message")])) as [[number]];
      if (end === "killed") child.kill("SIGKILL");
      else child.send("end");
      await once(child, "exit");
      if (end === "killed") await eventually("it has recovered", () => existsSync(done));
      await eventually("the guardian has ended", () => !existsSync(`/proc/${guardian}`));
      assert.equal(existsSync(done), end === "killed");
    }
  });
});
