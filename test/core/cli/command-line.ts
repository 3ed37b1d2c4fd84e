import type { Composition, Observer, Scheduler } from "../../../core/cli/composition.js";
import type { HostReport } from "../../../core/cli/host-report.js";
import type { ProfileReport } from "../../../core/cli/profile-report.js";
import { runCli } from "../../../core/cli/program.js";
import { loadConfig } from "../../../core/config/load.js";

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line on a composition of which only the given parts exist. */
export async function runWith(parts: Partial<Composition>, ...args: string[]): Promise<Ran> {
  const missing = () => Promise.reject(new Error("this part was not given"));
  const composition: Composition = {
    version: "1.2.3",
    config: (file) => Promise.resolve(file).then(loadConfig),
    scheduler: missing,
    observe: missing,
    recover: missing,
    doctor: missing,
    demoHost: missing,
    record: missing,
    layout: missing,
    policy: missing,
    ...parts,
  };
  let stdout = "";
  let stderr = "";
  const exitCode = await runCli(args, composition, {
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
    interactive: false,
  });
  return { exitCode, stdout, stderr };
}

/** An observer that sees these, one look after the other, and counts its disposals. */
export class FixedObserver implements Observer {
  disposals = 0;
  #next = 0;

  constructor(
    private readonly reports: readonly [HostReport, ...HostReport[]],
    private readonly found: ProfileReport = { schema: 1, domains: [] },
  ) {}

  look(): Promise<HostReport> {
    return Promise.resolve(this.reports[this.#next++] ?? this.reports[0]);
  }

  profiles(): Promise<ProfileReport> {
    return Promise.resolve(this.found);
  }

  [Symbol.dispose](): void {
    this.disposals++;
  }
}

/** A scheduler that ends when it is stopped, and remembers how it was told to. */
export class StoppableScheduler implements Scheduler {
  readonly stops: string[] = [];
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;

  /** It is stopped for good by this many calls. */
  constructor(
    private readonly stopsNeeded: number,
    private readonly started: () => void,
  ) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  start(): Promise<void> {
    this.started();
    return Promise.resolve();
  }

  stop(mode: "graceful" | "fast"): Promise<void> {
    this.stops.push(mode);
    if (this.stops.length === this.stopsNeeded) this.#end();
    return this.ended;
  }
}
