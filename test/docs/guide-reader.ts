import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inRepository } from "../repository.js";
import { hasFields, saysAsExpected, type GuideStep } from "./guide.js";

/** Long enough for a slow computer; nobody waits for it when all is well. */
const patienceMs = 60_000;

/** Somebody who does what a guide says, in an empty directory, with vmmsched on the PATH and two terminals. */
export class GuideReader implements AsyncDisposable {
  readonly #home = mkdtempSync(join(tmpdir(), "vmmsched-guide-"));
  readonly #directory = join(this.#home, "work");
  readonly #environment: NodeJS.ProcessEnv;
  #running: ChildProcess | undefined;
  #log = "";
  /** Lines of the log that have been read already. */
  #read = 0;

  constructor() {
    const bin = join(this.#home, "bin");
    mkdirSync(bin);
    mkdirSync(this.#directory);
    const command = join(bin, "vmmsched");
    writeFileSync(command, `#!/bin/sh\nexec ${process.execPath} ${inRepository("dist/core/main.js")} "$@"\n`);
    chmodSync(command, 0o755);
    this.#environment = { ...process.env, PATH: `${bin}:${process.env.PATH ?? ""}` };
  }

  async follow(step: GuideStep): Promise<void> {
    switch (step.kind) {
      case "file":
        writeFileSync(join(this.#directory, step.file), step.text);
        break;
      case "command":
        if (step.terminal === "first") this.#start(step.text);
        else this.#run(step.text, step.prints);
        break;
      case "log":
        for (const expected of step.expected) await this.#reads(expected);
        break;
      case "interrupt":
        await this.#interrupt();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running?.exitCode === null) {
      this.#running.kill("SIGKILL");
      await this.#ended(this.#running);
    }
    rmSync(this.#home, { recursive: true, force: true });
  }

  #run(text: string, prints: string | undefined): void {
    const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", text], {
      cwd: this.#directory,
      env: this.#environment,
      encoding: "utf8",
      timeout: patienceMs,
    });
    assert.equal(status, 0, `exit code of: ${text}${stdout}${stderr}`);
    if (prints !== undefined)
      assert.ok(saysAsExpected(stdout, prints), `the guide says:\n${prints}\nit printed:\n${stdout}`);
  }

  #start(text: string): void {
    assert.equal(this.#running, undefined, "the first terminal is taken");
    this.#running = spawn("bash", ["-c", `exec ${text}`], { cwd: this.#directory, env: this.#environment });
    const keep = (chunk: Buffer) => (this.#log += chunk.toString());
    this.#running.stdout?.on("data", keep);
    this.#running.stderr?.on("data", keep);
  }

  async #reads(expected: object): Promise<void> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const lines = this.#log.split("\n").slice(0, -1);
      const at = lines.findIndex((line, index) => index >= this.#read && hasFields(parsed(line), expected));
      if (at >= 0) {
        this.#read = at + 1;
        return;
      }
      if (Date.now() > deadline) assert.fail(`the log never said ${JSON.stringify(expected)}:\n${this.#log}`);
      await sleep(20);
    }
  }

  async #interrupt(): Promise<void> {
    assert.ok(this.#running, "nothing runs in the first terminal");
    this.#running.kill("SIGINT");
    assert.equal(await this.#ended(this.#running), 0, `exit code in the first terminal:\n${this.#log}`);
  }

  async #ended(child: ChildProcess): Promise<number | null> {
    while (child.exitCode === null && child.signalCode === null) await sleep(20);
    return child.exitCode;
  }
}

function parsed(line: string): object {
  try {
    return JSON.parse(line) as object;
  } catch {
    return {};
  }
}
