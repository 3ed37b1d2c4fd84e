import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isManaged, sleepMs, type LogLine } from "../vmmsched-log.js";
import type { XenLab } from "./lab.js";

const log = "/tmp/vmmsched.log";
const exitCode = "/tmp/vmmsched.exit";
const configuration = "/tmp/vmmsched.yaml";
/** Node starts slowly under emulation, and each new kernel is studied once. */
const startTimeoutMs = 420_000;
const stopTimeoutMs = 120_000;

/** vmmsched running in Dom0, started from a configuration and ended by a signal. */
export class Vmmsched {
  private constructor(
    private readonly lab: XenLab,
    readonly pid: number,
  ) {}

  /** Starts `vmmsched run` and waits until it manages these domains. */
  static async start(lab: XenLab, config: string, managed: readonly string[]): Promise<Vmmsched> {
    const vmmsched = await Vmmsched.launch(lab, config);
    await vmmsched.waitForLog((lines) => managed.every((name) => isManaged(lines, name)), startTimeoutMs);
    return vmmsched;
  }

  /** Starts `vmmsched run` and does not wait for anything. */
  static async launch(lab: XenLab, config: string): Promise<Vmmsched> {
    const command = [
      `cat > ${configuration} <<'EOC'\n${config}\nEOC`,
      `rm -f ${exitCode}`,
      `(node /opt/vmmsched/dist/core/main.js run -c ${configuration} > ${log} 2>&1 & p=$!; echo $p > /tmp/vmmsched.pid; wait $p; echo $? > ${exitCode}) > /dev/null 2>&1 &`,
      "until [ -s /tmp/vmmsched.pid ]; do usleep 20000; done",
      "cat /tmp/vmmsched.pid; rm /tmp/vmmsched.pid",
    ].join("\n");
    const { stdout } = await lab.dom0.run(command);
    return new Vmmsched(lab, Number(stdout.trim()));
  }

  async logLines(): Promise<readonly LogLine[]> {
    const { stdout } = await this.lab.dom0.run(`cat ${log}`);
    return stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** Waits until the log satisfies `ready`; throws with its end otherwise. */
  async waitForLog(
    ready: (lines: readonly LogLine[]) => boolean,
    timeoutMs: number,
  ): Promise<readonly LogLine[]> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const lines = await this.logLines();
      if (ready(lines)) return lines;
      const code = await this.exitCode();
      if (Date.now() > deadline || code !== undefined) {
        await this.#keepLog();
        const { stdout } = await this.lab.dom0.run(`tail -n 3 ${log} | cut -c 1-400`);
        const what =
          code === undefined
            ? `did not get there within ${String(timeoutMs)} ms`
            : `ended with ${String(code)} before it got there`;
        throw new Error(
          `vmmsched ${what}; the end of its log, which is kept in ${this.lab.folder}:\n${stdout}`,
        );
      }
      await sleepMs(500);
    }
  }

  /** Puts another configuration in force, and waits until it is. */
  async configure(config: string): Promise<void> {
    const changes = (lines: readonly LogLine[]) =>
      lines.filter(({ event }) => event === "config-changed").length;
    const before = changes(await this.logLines());
    await this.lab.dom0.run(
      `cat > ${configuration}.new <<'EOC'\n${config}\nEOC\nmv ${configuration}.new ${configuration}`,
    );
    await this.waitForLog((lines) => changes(lines) > before, startTimeoutMs);
  }

  async signal(name: "TERM" | "INT" | "KILL"): Promise<void> {
    await this.lab.dom0.run(`kill -${name} ${String(this.pid)}`, { mayFail: true });
  }

  /** Its exit code once it has ended. */
  async exitCode(): Promise<number | undefined> {
    const { stdout } = await this.lab.dom0.run(`cat ${exitCode} 2>/dev/null`, { mayFail: true });
    return stdout.trim() === "" ? undefined : Number(stdout.trim());
  }

  /** SIGTERM, then the exit code. */
  async stop(): Promise<number> {
    await this.signal("TERM");
    return this.waitForExit();
  }

  async waitForExit(): Promise<number> {
    const deadline = Date.now() + stopTimeoutMs;
    for (;;) {
      const code = await this.exitCode();
      if (code !== undefined) {
        await this.#keepLog();
        return code;
      }
      if (Date.now() > deadline)
        throw new Error(`vmmsched did not end within ${String(stopTimeoutMs)} ms of its signal`);
      await sleepMs(200);
    }
  }

  /** Keeps the log with the others of this run of the lab. */
  async #keepLog(): Promise<void> {
    const { stdout } = await this.lab.dom0.run(`cat ${log}`, { mayFail: true });
    await writeFile(join(this.lab.folder, `vmmsched-${String(this.pid)}.log`), stdout);
  }
}
