import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ProfileReport } from "../../../core/cli/profile-report.js";
import { run } from "../command.js";
import { repository } from "../places.js";
import { isManaged, sleepMs, type LogLine } from "../vmmsched-log.js";
import type { QemuLab } from "./lab.js";

const program = join(repository, "dist", "core", "main.js");
const startTimeoutMs = 120_000;
const stopTimeoutMs = 60_000;
let runs = 0;

/** vmmsched running beside the guests, started from a configuration and ended by a signal. */
export class Vmmsched implements AsyncDisposable {
  readonly #lines: LogLine[] = [];
  #rest = "";
  #errors = "";

  private constructor(
    private readonly child: ChildProcess,
    private readonly file: string,
    private readonly lab: QemuLab,
  ) {}

  /** Starts `vmmsched run` and waits until it manages these domains. `policies` is the rest of the configuration. */
  static async start(lab: QemuLab, policies: string, managed: readonly string[]): Promise<Vmmsched> {
    const file = join(lab.folder, `vmmsched-${String(++runs)}.yaml`);
    await writeFile(file, `${configOf(lab)}${policies}`);
    const child = spawn("setpriv", ["--pdeathsig", "KILL", process.execPath, program, "run", "-c", file]);
    const vmmsched = new Vmmsched(child, file, lab);
    const log = createWriteStream(file.replace(/yaml$/, "log"));
    child.stdout.on("data", (bytes: Buffer) => {
      log.write(bytes);
      vmmsched.#take(bytes.toString());
    });
    child.stderr.on("data", (bytes: Buffer) => (vmmsched.#errors += bytes.toString()));
    try {
      await vmmsched.waitForLog((lines) => managed.every((name) => isManaged(lines, name)), startTimeoutMs);
      return vmmsched;
    } catch (error) {
      await vmmsched[Symbol.asyncDispose]();
      throw error;
    }
  }

  get log(): readonly LogLine[] {
    return this.#lines;
  }

  /** Waits until the log satisfies `ready`; throws with its end otherwise. */
  async waitForLog(ready: (lines: readonly LogLine[]) => boolean, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!ready(this.#lines)) {
      if (performance.now() > deadline || this.child.exitCode !== null) {
        const { exitCode } = this.child;
        const what =
          exitCode === null
            ? `did not get there within ${String(timeoutMs)} ms`
            : `ended with ${String(exitCode)} before it got there`;
        const end = this.#lines.slice(-3).map((line) => JSON.stringify(line).slice(0, 400));
        throw new Error(`vmmsched ${what}; the end of its log:\n${end.join("\n")}\n${this.#errors}`);
      }
      await sleepMs(50);
    }
  }

  /** Puts another rest of the configuration in force. */
  async configure(policies: string): Promise<void> {
    const changes = () => this.#lines.filter(({ event }) => event === "config-changed").length;
    const before = changes();
    await writeFile(`${this.file}.new`, `${configOf(this.lab)}${policies}`);
    await rename(`${this.file}.new`, this.file);
    await this.waitForLog(() => changes() > before);
  }

  /** SIGTERM, then the exit code. */
  async stop(): Promise<number | null> {
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), stopTimeoutMs);
    await ended;
    clearTimeout(late);
    return this.child.exitCode;
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("{")) this.#lines.push(JSON.parse(line) as LogLine);
  }
}

/** A configuration that manages all guests of the lab; emulated kernels answer slowly, and so does a busy host. */
export function configOf(lab: QemuLab): string {
  return `driver: qemu
qemu: { directory: ${lab.sockets} }
runtimeDirectory: ${lab.folder}
stateDirectory: ${lab.folder}
intervalMs: 100
policyDeadlineMs: 100
pauseBudgetMs: 50
`;
}

/** What `vmmsched ps --json` prints: one look a line. */
export function ps(lab: QemuLab, ...options: readonly string[]): Promise<readonly unknown[]> {
  return printedBy(lab, "ps", ...options);
}

/** What `vmmsched profile show --json` prints. */
export async function profileShow(lab: QemuLab): Promise<ProfileReport> {
  const [report] = await printedBy(lab, "profile", "show");
  return report as ProfileReport;
}

async function printedBy(lab: QemuLab, ...command: readonly string[]): Promise<readonly unknown[]> {
  const file = join(lab.folder, "look.yaml");
  await writeFile(file, configOf(lab));
  const printed = await run(process.execPath, [program, ...command, "-c", file, "--json"]);
  return printed
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}

/** What `vmmsched ps --image` prints. */
export async function psOfImage(image: string): Promise<unknown> {
  const printed = await run(process.execPath, [program, "ps", "--image", image, "--json"]);
  return JSON.parse(printed.toString()) as unknown;
}
