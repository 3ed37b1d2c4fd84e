import { readdirSync, writeFileSync } from "node:fs";
import { MessageChannel } from "node:worker_threads";
import { loadConfig } from "../../../core/config/load.js";
import type { CycleThreadCalls, ProfileToUse } from "../../../core/control/control-messages.js";
import { ControlPlane } from "../../../core/control/control-plane.js";
import { OperatorControl } from "../../../core/control/operator-control.js";
import { ProfileShelf } from "../../../core/control/profile-shelf.js";
import { ThreadLink } from "../../../core/control/thread-link.js";
import type { Log, LogFields } from "../../../core/log.js";
import { HostColumns } from "../../../core/snapshot/host-columns.js";
import { PluginWorkshop } from "../plugins/plugin-workshop.js";
import { until } from "./socket/control-place.js";

const settings = "runtimeDirectory: run\nstateDirectory: state\nmaxTasks: 64\npluginDirectories: [plugins]\n";

/** A control plane over the plugins of a workshop, and a cycle that takes what it is handed and never ticks. */
export class RunningPlane implements AsyncDisposable {
  readonly workshop = new PluginWorkshop();
  readonly logged: LogFields[] = [];
  readonly #ports = new MessageChannel();
  readonly #profiles = new ProfileShelf();
  #plane: ControlPlane | undefined;
  #operators: OperatorControl | undefined;

  async open(policies: string): Promise<void> {
    const served: CycleThreadCalls = {
      usePolicies: () => undefined,
      useProfiles: (profiles: readonly ProfileToUse[]) => this.#profiles.use(profiles),
      managedDomains: () => ({}),
      status: () => undefined,
      explain: () => undefined,
      trust: () => undefined,
      capture: () => undefined,
      log: () => undefined,
    };
    new ThreadLink(this.#ports.port2, served);
    const cycle = new ThreadLink<CycleThreadCalls>(this.#ports.port1, {});
    const write = (fields: LogFields) => void this.logged.push(fields);
    const log: Log = { trace: write, debug: write, info: write, warn: write, error: write };
    this.configure(policies);
    const config = loadConfig(this.workshop.at("vmmsched.yaml"));
    const host = HostColumns.allocate(config.values.maxTasks).buffers;
    const bundledPlugins = [this.workshop.at("bundled")];
    const data = { version: "0.0.0", bundledPlugins, pluginDirectories: [] };
    this.#plane = new ControlPlane(data, config, host, cycle, log);
    this.#operators = new OperatorControl(this.#plane, cycle);
    await this.#plane.open();
  }

  /** Writes the configuration; returns its text. */
  configure(policies: string): string {
    const text = `${settings}policies: ${policies}\n`;
    writeFileSync(this.workshop.at("vmmsched.yaml"), text);
    return text;
  }

  get operators(): OperatorControl {
    if (this.#operators === undefined) throw new Error("it is not open");
    return this.#operators;
  }

  async logs(event: string, is: (fields: LogFields) => boolean = () => true): Promise<LogFields> {
    const find = () => this.logged.find((fields) => fields.event === event && is(fields));
    await until(() => find() !== undefined);
    return find() ?? { event };
  }

  /** Names and versions of the guest profiles that the cycle has. */
  get profiles(): readonly string[] {
    return this.#profiles.profiles.map(({ name, version }) => `${name} ${version}`);
  }

  /** Names and hashes of what is staged. */
  get staged(): readonly string[] {
    const run = this.workshop.at("run");
    const staging = readdirSync(run).filter((name) => name.startsWith("staging-"));
    return staging
      .flatMap((name) => readdirSync(this.workshop.at("run", name)))
      .filter((name) => /-[0-9a-f]{8,}$/.test(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plane?.close();
    this.#ports.port1.close();
    this.workshop[Symbol.dispose]();
  }
}
