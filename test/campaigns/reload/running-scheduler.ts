import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connectControl, type ControlClient } from "../../../core/control/socket/client.js";
import type { PluginReport } from "../../../core/control/socket/plugin-report.js";
import { remotePlugins } from "../../../core/control/socket/remote-plugins.js";
import type { StatusReport } from "../../../core/control/status-report.js";
import { isVmmschedError } from "../../../core/errors.js";
import { inRepository } from "../../repository.js";
import { SchedulerLog } from "./scheduler-log.js";

const main = inRepository("dist/core/main.js");
const patienceMs = 30_000;
const pollMs = 20;

/** A `vmmsched run` in a process of its own, as an operator would see it: by its log and its control socket. */
export class RunningScheduler implements Disposable {
  readonly log = new SchedulerLog();
  /** What it printed on standard error: nothing, when all is well. */
  stderr = "";

  private constructor(
    private readonly child: ChildProcess,
    private client: ControlClient | undefined,
  ) {
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => this.log.push(chunk));
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (this.stderr += chunk));
    child.once("exit", (code, signal) =>
      this.log.end(`the scheduler has ended with ${String(code ?? signal)}\n${this.stderr}`),
    );
  }

  /** Starts it, and waits until it manages its domains and holds something. */
  static async start(config: string, socket: string): Promise<RunningScheduler> {
    const child = spawn(process.execPath, ["--expose-gc", main, "run", "-c", config], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const running = new RunningScheduler(child, undefined);
    await running.log.line(0, "hold");
    running.client = await connectControl(socket);
    return running;
  }

  get exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Garbage is collected first, in both of its threads: it costs the cycle some ten milliseconds. */
  async status(): Promise<StatusReport> {
    return (await this.connection.call("scheduler.status")) as StatusReport;
  }

  /** Undefined where there is no plugin of this name. */
  async plugin(name: string): Promise<PluginReport | undefined> {
    try {
      return await remotePlugins(this.connection).show(name);
    } catch (error) {
      if (isVmmschedError(error, "ERR_PLUGIN_UNKNOWN")) return undefined;
      throw error;
    }
  }

  async plugins(): Promise<readonly PluginReport[]> {
    return (await remotePlugins(this.connection).list()).plugins;
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.child.kill("SIGTERM");
    return this.ended();
  }

  /** Resolves with the exit code when it has ended, and all that it said has been read. */
  async ended(): Promise<number | null> {
    if (!this.exited) await once(this.child, "close");
    return this.child.exitCode;
  }

  [Symbol.dispose](): void {
    this.client?.[Symbol.dispose]();
    if (!this.exited) this.child.kill("SIGKILL");
  }

  private get connection(): ControlClient {
    if (this.client === undefined) throw new Error("the scheduler is still starting");
    return this.client;
  }
}

/** Asks until `look` finds what it looks for; fails with what it saw last. */
export async function until<Seen, Found>(
  what: string,
  ask: () => Promise<Seen>,
  look: (seen: Seen) => Found | undefined | false,
): Promise<Found> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const seen = await ask();
    const found = look(seen);
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline)
      throw new Error(
        `${what}: not within ${patienceMs / 1000} s, but ${JSON.stringify(seen, undefined, 1)}`,
      );
    await sleep(pollMs);
  }
}
