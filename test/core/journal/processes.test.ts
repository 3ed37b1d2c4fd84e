import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { readJournal } from "../../../core/journal/open-journal.js";
import { inRepository } from "../../repository.js";
import { JournalPlace } from "./journal-place.js";

const program = inRepository("dist/core/main.js");

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe("a scheduler's process", function () {
  this.timeout(120_000);
  let place: JournalPlace;
  let config = "";
  const started: ChildProcess[] = [];
  beforeEach(() => {
    place = new JournalPlace();
    config = join(place.directory, "vmmsched.yaml");
    writeFileSync(
      config,
      JSON.stringify({
        ...{ driver: "simulated", runtimeDirectory: place.directory, stateDirectory: place.directory },
        policies: [
          { name: "idle-only", options: { background: [{ domain: "batch", process: "background" }] } },
        ],
      }),
    );
  });
  afterEach(async () => {
    for (const child of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "close");
    }
    place[Symbol.dispose]();
  });

  const begin = (...args: readonly string[]) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    started.push(child);
    return child;
  };
  const ended = async (...args: readonly string[]): Promise<Ended> => {
    const child = begin(...args);
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    await once(child, "close");
    return { exitCode: child.exitCode, stdout, stderr };
  };
  /** One that holds something by now. */
  const holding = async () => {
    const child = begin("run", "-c", config);
    for await (const line of createInterface(child.stdout))
      if ((JSON.parse(line) as { event?: string; outcome?: string }).event === "hold") return child;
    return assert.fail("it ended without having held anything");
  };

  it("is told by name to a second one and to a recovery, and its journal outlives its death until that", async () => {
    const first = await holding();
    first.stdout.resume();
    const pid = String(first.pid);
    const second = await ended("run", "-c", config);
    assert.equal(second.exitCode, 1);
    assert.match(second.stderr, new RegExp(`another scheduler \\(process ${pid}\\) runs`));
    const early = await ended("recover", "-c", config);
    assert.deepEqual([early.exitCode, early.stdout], [3, ""]);
    assert.match(early.stderr, new RegExp(`a scheduler runs \\(process ${pid}\\)[^]*ERR_SCHEDULER_RUNS`));
    first.kill("SIGKILL");
    await once(first, "close");
    const { header, book } = readJournal(readFileSync(place.file));
    assert.equal(header.pid, first.pid);
    assert.ok(!book.empty);
    const { exitCode, stdout, stderr } = await ended("recover", "--json", "-c", config);
    assert.deepEqual([exitCode, stderr], [0, ""], stdout);
    assert.equal((JSON.parse(stdout) as { complete: boolean }).complete, true);
    assert.ok(!existsSync(place.file));
    assert.ok(!existsSync(join(place.directory, "control.sock")));
  });

  it("takes its journal away when it is stopped", async () => {
    const first = await holding();
    first.stdout.resume();
    assert.ok(existsSync(place.file));
    first.kill("SIGTERM");
    await once(first, "close");
    assert.equal(first.exitCode, 0);
    assert.ok(!existsSync(place.file));
  });
});
