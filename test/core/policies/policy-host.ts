import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log, LogFields } from "../../../core/log.js";
import { readPluginSource } from "../../../core/plugins/plugin-source.js";
import { stagePlugin } from "../../../core/plugins/stage.js";
import { openStaging } from "../../../core/plugins/staging.js";
import type { KeeperTimes } from "../../../core/policies/keeper-ports.js";
import type { PolicyFault, PolicySpec } from "../../../core/policies/policy-worker.js";
import { Supervisor } from "../../../core/policies/supervisor.js";
import { HostColumns } from "../../../core/snapshot/host-columns.js";
import { CycleThread, type Ticks } from "./cycle-thread.js";

/** Staged policies from code in a test. */
export class PolicyFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "vmmsched-policies-"));
  readonly staging = openStaging(join(this.path, "run"));
  #count = 0;

  /** A version of the policy `name`; each call makes another one, in the same folder. */
  spec(name: string, code: string, entry = "index.js", options: unknown = {}): PolicySpec {
    const folder = join(this.path, name);
    const version = `1.0.${++this.#count}`;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const manifest = { kind: "policy", name, version, api: "*", description: "A policy of a test", entry };
    writeFileSync(join(folder, "plugin.json"), JSON.stringify(manifest));
    writeFileSync(join(folder, entry), code);
    const plugin = stagePlugin(readPluginSource(folder), this.staging);
    return { plugin, options, key: plugin.hash };
  }

  [Symbol.dispose](): void {
    this.staging[Symbol.dispose]();
    rmSync(this.path, { recursive: true, force: true });
  }
}

const quick: Partial<KeeperTimes> = { firstMs: 20, longestMs: 100, tries: 3, provenAfter: 10 };

/** A supervisor whose policies are asked by a cycle in another thread, every few milliseconds. */
export class PolicyHost extends PolicyFolder implements AsyncDisposable {
  readonly columns = HostColumns.allocate(64);
  readonly cycle: CycleThread;
  readonly supervisor: Supervisor;
  readonly logged: (LogFields & { readonly text: string })[] = [];
  readonly faults: PolicyFault[] = [];

  constructor(times: Partial<KeeperTimes> = {}, hangMs = 500) {
    super();
    this.cycle = new CycleThread({ host: this.columns.buffers, tasks: 8, tickMs: 5, deadlineMs: hangMs });
    const write = (fields: LogFields, text: string) => void this.logged.push({ ...fields, text });
    const log: Log = { trace: write, debug: write, info: write, warn: write, error: write };
    this.supervisor = new Supervisor({
      settings: { host: this.columns.buffers, capacity: 64, memoryMb: 32 },
      log,
      hangMs,
      times: { ...quick, ...times },
      publish: (active) => this.cycle.use(active),
      keepFault: (_spec, fault) => `record ${this.faults.push(fault)}`,
    });
  }

  /** What is wished from now on, in `count` ticks at least. */
  async nextTicks(count = 20): Promise<Ticks> {
    await this.cycle.ticks();
    const reasons: Record<string, number> = {};
    let ticks = 0;
    while (ticks < count) {
      await sleep(5);
      const more = await this.cycle.ticks();
      ticks += more.count;
      for (const [reason, times] of Object.entries(more.reasons))
        reasons[reason] = (reasons[reason] ?? 0) + times;
    }
    return { count: ticks, reasons };
  }

  events(event: string): readonly (LogFields & { readonly text: string })[] {
    return this.logged.filter((fields) => fields.event === event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.close();
    await this.cycle[Symbol.asyncDispose]();
    super[Symbol.dispose]();
  }
}

/** Waits until it is so. Fails, saying what is, only when that takes absurdly long. */
export async function until(isSo: () => boolean, otherwise: () => unknown = () => ""): Promise<void> {
  const deadline = performance.now() + 40_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`it did not come so: ${JSON.stringify(otherwise())}`);
    await sleep(5);
  }
}

/** Code of a policy that wishes to hold everything, for this reason. */
export function holdAll(reason: string, before = ""): string {
  return `export default {
  decide(host, options, state) {
    ${before}
    return host.domains.flatMap((d) => d.processes).map((target) => ({ kind: "hold", target, reason: "${reason}" }));
  },
};`;
}
