import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "mocha";
import { Random } from "../../core/testing/random.js";
import { quantiles } from "../bench/figures.js";
import { ScriptedMachine } from "../native/qemu/scripted-machine.js";
import { pagesIn, Subject, untilAllRun } from "./kill/subject.js";

const kills = Number(process.env.VMMSCHED_CAMPAIGN_KILLS ?? 1000);
const seed = Number(process.env.VMMSCHED_CAMPAIGN_SEED ?? Date.now() % 1_000_000);
const machineCount = 2;
/** No domain may be paused by us for longer, whatever dies. */
const mostMs = 2000;
/** After which a stopped process goes on. */
const stopMs = 300;

const blows = [
  ...(["scheduler killed", "scheduler stopped", "guardian killed"] as const),
  ...(["guardian stopped", "both killed, then a restart"] as const),
] as const;
type Blow = (typeof blows)[number];

describe(`${kills} blows to scheduler and guardian, seed ${seed}`, function () {
  this.timeout(0);
  this.bail(true);
  const random = new Random(seed);
  const directory = mkdtempSync(join(tmpdir(), "vmmsched-kill-"));
  const machines: ScriptedMachine[] = [];
  const tookMs = new Map<Blow, number[]>(blows.map((blow) => [blow, []]));
  let found = 0;
  let subject: Subject;

  before(async () => {
    for (let i = 0; i < machineCount; i++) machines.push(await ScriptedMachine.start());
    subject = await Subject.start(directory, machines);
  });
  after(async () => {
    subject[Symbol.dispose]();
    for (const machine of machines) await machine[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const restart = async () => {
    await subject.ended();
    subject = await Subject.start(directory, machines);
  };

  const anyPaused = async () => {
    for (const machine of machines) if (!(await machine.since()).running) return true;
    return false;
  };

  /** Whoever is killed or stopped is not seen to have written while a machine ran. */
  async function strike(blow: Blow): Promise<number> {
    const guardian = subject.account.guardian ?? 0;
    assert.ok(guardian > 0);
    switch (blow) {
      case "scheduler killed": {
        subject.signal("SIGKILL");
        await subject.ended();
        if (await anyPaused()) found++;
        const took = await untilAllRun(machines, mostMs);
        await restart();
        return took;
      }
      case "scheduler stopped": {
        subject.signal("SIGSTOP");
        if (await anyPaused()) found++;
        const took = await untilAllRun(machines, mostMs);
        await sleep(stopMs);
        assert.equal(await anyPaused(), false, "nobody pauses while the scheduler is stopped");
        if (!subject.exited) subject.signal("SIGCONT");
        const { edits } = subject.account;
        // One that was stopped where only its end helps has been ended.
        await Promise.race([subject.ended(), sleep(100)]);
        if (subject.exited) await restart();
        else await subject.until("it edits again", (account) => account.alive && account.edits > edits);
        return took;
      }
      case "guardian killed":
      case "guardian stopped": {
        process.kill(guardian, blow === "guardian killed" ? "SIGKILL" : "SIGSTOP");
        const took = await untilAllRun(machines, mostMs);
        await subject.until(
          "there is another guardian",
          (account) => account.alive && account.guardian !== guardian,
        );
        const { edits } = subject.account;
        await subject.until("it edits again", (account) => account.edits > edits);
        return took;
      }
      case "both killed, then a restart": {
        process.kill(guardian, "SIGKILL");
        subject.signal("SIGKILL");
        await subject.ended();
        if (await anyPaused()) found++;
        const since = performance.now();
        const starting = Subject.start(directory, machines);
        await untilAllRun(machines, 10 * mostMs);
        const took = performance.now() - since;
        subject = await starting;
        return took;
      }
    }
  }

  it("no machine stays paused, and whoever is left goes on", async () => {
    for (let blow = 1; blow <= kills; blow++) {
      const kind = blows[random.below(blows.length)] ?? "scheduler killed";
      await sleep(20 * random.fraction());
      try {
        tookMs.get(kind)?.push(await strike(kind));
      } catch (error) {
        console.error(`blow ${blow}, seed ${seed}: ${kind}, ${JSON.stringify(subject.account)}`);
        throw error;
      }
      if (blow % 50 === 0) print([`${blow} blows`]);
    }
    for (const [kind, times] of tookMs) {
      if (times.length === 0) continue;
      const { count, p50, p99, max } = quantiles(times);
      print([
        `${kind}: ${count}, until all run p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, longest ${max.toFixed(0)} ms`,
      ]);
    }
    print([`blows that left a machine paused for the guardian: ${found}`]);
  });

  it("some of the blows came while a machine was paused", () => {
    assert.ok(found > 0 || kills < 20);
  });

  it("leaves no page behind when it is killed for the last time", async () => {
    subject.signal("SIGKILL");
    await subject.ended();
    await untilAllRun(machines, mostMs);
    const deadline = performance.now() + 5 * mostMs;
    while (pagesIn(directory).length > 0 && performance.now() < deadline) await sleep(20);
    assert.deepEqual(pagesIn(directory), []);
  });
});

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `    ${line}\n`).join(""));
}
