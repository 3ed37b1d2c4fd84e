import { configHint, policySets, type LoadedConfig } from "../config/load.js";
import { isVmmschedError, messageOf } from "../errors.js";
import type { Log } from "../log.js";
import {
  effective,
  hashOfEffective,
  soundEffective,
  type Effective,
  type EffectivePlugin,
} from "../plugins/configure.js";
import { requireOwnPath } from "../permissions/own-path.js";
import { noOverrides, type Overrides } from "../plugins/overrides.js";
import { PluginLibrary } from "../plugins/library.js";
import type { LibraryChange } from "../plugins/library-change.js";
import type { StagedPlugin } from "../plugins/stage.js";
import { openStaging, type Staging } from "../plugins/staging.js";
import { describeFault, type PolicyFault, type PolicySpec } from "../policies/policy-worker.js";
import { writeFailure } from "../record/failure-record.js";
import { Recorder } from "./recorder.js";
import { join } from "node:path";
import { Supervisor } from "../policies/supervisor.js";
import type { HostBuffers } from "../snapshot/host-columns.js";
import { changedAtStartOnly } from "./config-change.js";
import { ConfigWatch } from "./config-watch.js";
import type { ControlThreadData, CycleThreadCalls } from "./control-messages.js";
import { OperatorControl } from "./operator-control.js";
import { ProfileAdmission } from "./profile-admission.js";
import { pluginsCalls, recordCalls, statusCalls } from "./socket/control-calls.js";
import { openAfterRecovery } from "./socket/after-recovery.js";
import type { ControlServer } from "./socket/server.js";
import type { ThreadLink } from "./thread-link.js";

/** A policy that owes an answer for this long hangs; and how long one may take to load, and to hand over its state. */
const patience = { hangMs: 1_000, loadMs: 5_000, stateMs: 2_000 } as const;
/** On a machine so slow that this deadline was not enough, all of that takes longer. */
const usualDeadlineMs = 20;

/**
 * Keeps what runs in step with what is wished to run: the configuration, the plugins on disk and the operators' commands
 * come in, and threads for policies, profiles for the cycle and words in the log go out. One change after the other.
 */
export class ControlPlane {
  #config: LoadedConfig;
  #overrides = noOverrides;
  #effective: Effective = { policies: [], profiles: [], problems: [] };
  readonly #profiles: ProfileAdmission;
  readonly #supervisor: Supervisor;
  readonly recorder: Recorder;
  #staging: Staging | undefined;
  #library: PluginLibrary | undefined;
  #configWatch: ConfigWatch | undefined;
  #server: ControlServer | undefined;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly data: Omit<ControlThreadData, "configFile">,
    config: LoadedConfig,
    host: HostBuffers,
    private readonly cycle: ThreadLink<CycleThreadCalls>,
    private readonly log: Log,
  ) {
    this.#config = config;
    const { maxTasks: capacity, policyDeadlineMs, policyMemoryMb: memoryMb } = config.values;
    const slowness = Math.max(1, policyDeadlineMs / usualDeadlineMs);
    const loadMs = patience.loadMs * slowness;
    this.#profiles = new ProfileAdmission(cycle, data.bundledPlugins, { loadMs, memoryMb }, log);
    this.#supervisor = new Supervisor({
      settings: { host, capacity, memoryMb },
      log,
      hangMs: patience.hangMs * slowness,
      times: { loadMs, stateMs: patience.stateMs * slowness },
      keepFault: (spec, fault) => this.#keepFault(spec, fault),
      started: (thread, previous) => this.recorder.started(thread, previous),
      publish: async (active) => {
        await cycle.call("usePolicies", [active]);
      },
    });
    this.recorder = new Recorder({
      start: { ...this.#recordFacts(), capacity },
      capture: (on) => cycle.tell("capture", [on]),
      running: () => this.#supervisor.threads,
      state: (policy) => this.#supervisor.state(policy),
    });
  }

  get config(): LoadedConfig {
    return this.#config;
  }
  get overrides(): Overrides {
    return this.#overrides;
  }
  get effective(): Effective {
    return this.#effective;
  }
  get library(): Pick<PluginLibrary, "entries" | "plugins"> {
    return this.#library ?? { entries: [], plugins: new Map() };
  }
  get supervisor(): Pick<Supervisor, "status" | "retry"> {
    return this.#supervisor;
  }
  get profiles(): Pick<ProfileAdmission, "problems" | "versions"> {
    return this.#profiles;
  }

  /** Throws what is wrong with the configured directories or the plugins that the configuration names. */
  async open(): Promise<void> {
    const { values, source } = this.#config;
    for (const directory of [...this.data.pluginDirectories, ...values.pluginDirectories])
      requireOwnPath(directory);
    this.#staging = openStaging(values.runtimeDirectory);
    this.#library = new PluginLibrary({
      directories: this.#searchPath(),
      staging: this.#staging,
      bundled: this.data.bundledPlugins,
      inUse: () => this.#staged(),
      changed: (change) => void this.change(() => this.#libraryChanged(change)),
    });
    this.#library.open();
    for (const notice of this.#library.notices) this.log.warn({ event: "plugin-notice" }, notice);
    this.#refuseBroken();
    const wanted = soundEffective(this.#config, this.#library.plugins, this.#overrides);
    const operators = new OperatorControl(this, this.cycle);
    const calls = {
      ...pluginsCalls(operators),
      ...statusCalls(operators),
      ...recordCalls(this.recorder),
    };
    this.#server = await openAfterRecovery(values.runtimeDirectory, calls, this.log);
    await this.#follow(wanted);
    this.#configWatch = new ConfigWatch(source.file, source.text, {
      changed: (config) => void this.change(() => this.#configChanged(config)),
      refused: (error) => {
        this.log.error({ event: "config-refused", error: error.message }, "the configuration before goes on");
      },
    });
  }

  async close(): Promise<void> {
    this.recorder.close();
    this.#server?.[Symbol.dispose]();
    this.#configWatch?.[Symbol.dispose]();
    this.#library?.[Symbol.dispose]();
    await this.#changes;
    await this.#supervisor.close();
    this.#staging?.[Symbol.dispose]();
  }

  /** Makes a change when those before it are done. Rejects with what it throws; the next one is made all the same. */
  change<Result>(make: () => Promise<Result>): Promise<Result> {
    const made = this.#changes.then(make);
    this.#changes = made.catch((error: unknown) => {
      if (!isVmmschedError(error)) this.log.error({ event: "change-failed" }, messageOf(error));
    });
    return made;
  }

  /** Puts other overrides in force. Throws ERR_CONFIG_INVALID, and then nothing has changed. */
  async override(overrides: Overrides): Promise<void> {
    const wanted = effective(this.#config, this.library.plugins, overrides);
    const known = new Set(this.#effective.problems.map(({ plugin }) => plugin));
    const fresh = wanted.problems.filter(({ plugin }) => !known.has(plugin));
    if (fresh.length > 0) throw this.#config.source.error("ERR_CONFIG_INVALID", fresh, configHint);
    this.#overrides = overrides;
    await this.#follow(wanted);
  }

  async #configChanged(config: LoadedConfig): Promise<void> {
    const wanted = effective(config, this.library.plugins, this.#overrides);
    if (wanted.problems.length > 0) {
      const { message } = config.source.error("ERR_CONFIG_INVALID", wanted.problems, configHint);
      this.log.error({ event: "config-refused", error: message }, "the configuration before goes on");
      return;
    }
    const before = this.#config;
    this.#config = config;
    if (!policySets(config.values).some(({ name }) => name === this.#overrides.set)) {
      this.log.warn({ event: "policy-set-gone", set: this.#overrides.set }, "back to the default set");
      this.#overrides = noOverrides;
    }
    this.#library?.setDirectories(this.#searchPath());
    const fixed = changedAtStartOnly(before, config);
    this.log.info(
      { event: "config-changed", ...(fixed.length > 0 ? { atNextStart: fixed } : {}) },
      "configuration read",
    );
    await this.#follow(effective(config, this.library.plugins, this.#overrides));
  }

  async #libraryChanged(change: LibraryChange): Promise<void> {
    for (const notice of change.notices) this.log.warn({ event: "plugin-notice" }, notice);
    for (const { name, folder, problem, inForce } of change.refused) {
      const facts = {
        event: "plugin-refused",
        plugin: name,
        folder,
        error: problem.message,
        inForce: inForce?.version,
      };
      this.log.error(facts, inForce === undefined ? "a plugin is not valid" : "the version before goes on");
    }
    const wanted = effective(this.#config, this.library.plugins, this.#overrides);
    await this.#follow({ ...wanted, ...this.#keptDespite(wanted) });
  }

  /** Where a new version of a plugin does not take its configured options any more, the one that runs goes on. */
  #keptDespite({ policies, profiles, problems }: Effective): Pick<Effective, "policies" | "profiles"> {
    const stuck = new Set(
      problems.map(({ plugin }) => plugin).filter((name) => this.library.plugins.has(name)),
    );
    for (const { plugin, text } of problems) {
      if (stuck.has(plugin) && !this.#effective.problems.some((known) => known.plugin === plugin))
        this.log.error(
          { event: "plugin-refused", plugin, error: text },
          "it does not take its configured options",
        );
    }
    const kept = (before: readonly EffectivePlugin[]) =>
      before.filter(({ plugin }) => stuck.has(plugin.name));
    return {
      policies: [...policies, ...kept(this.#effective.policies)],
      profiles: [...profiles, ...kept(this.#effective.profiles)],
    };
  }

  async #follow(wanted: Effective): Promise<void> {
    const before = this.#effective;
    this.#effective = wanted;
    // Neither has to wait until the other's code is loaded.
    await Promise.all([
      this.#profiles.use(wanted.profiles, before.profiles),
      this.#supervisor.want(wanted.policies.map(policySpec)),
    ]);
    // Only now nobody uses the versions before any more.
    this.#library?.sweep();
  }

  /**
   * A plugin that the configuration names and that cannot be used is told by what is wrong with it; so is any that others
   * could change, named or not: somebody has to mend it, or has broken in.
   */
  #refuseBroken(): void {
    const { values } = this.#config;
    const named = new Set(policySets(values).flatMap(({ policies }) => policies.map(({ name }) => name)));
    for (const { name, folder, problem } of this.library.entries) {
      if (problem === undefined) continue;
      if (problem.code === "ERR_UNSAFE_PERMISSIONS") throw problem;
      if (named.has(name) && !this.library.plugins.has(name)) throw problem;
      this.log.error(
        { event: "plugin-refused", plugin: name, folder, error: problem.message },
        "a plugin is not valid",
      );
    }
  }

  /** Keeps what is known of a fault for the policy's author; returns where. */
  #keepFault({ plugin, options }: PolicySpec, fault: PolicyFault): string | undefined {
    const error = describeFault(fault);
    this.recorder.failed({ plugin, options, key: "" }, error, fault);
    const { name: policy, version, hash } = plugin;
    const { stack, host, state } = fault;
    const kept = writeFailure(join(this.#config.values.stateDirectory, "failures"), this.#recordFacts(), {
      ...{ policy, version, hash, options, error, stack, state },
      ...(host === undefined ? {} : { host }),
    });
    if ("file" in kept) return kept.file;
    this.log.warn({ event: "failure-not-kept", policy }, kept.problem);
    return undefined;
  }

  #recordFacts() {
    const { intervalMs, driver } = this.#config.values;
    return { vmmsched: this.data.version, intervalNs: intervalMs * 1e6, driver };
  }

  #searchPath(): readonly string[] {
    return [
      ...this.data.bundledPlugins,
      ...this.data.pluginDirectories,
      ...this.#config.values.pluginDirectories,
    ];
  }

  /** Versions that run, or may be fallen back to. */
  #staged(): readonly StagedPlugin[] {
    const { policies, profiles } = this.#effective;
    return [...policies, ...profiles].map(({ plugin }) => plugin).concat(this.#supervisor.plugins);
  }
}

function policySpec(effective: EffectivePlugin): PolicySpec {
  return { ...effective, key: hashOfEffective(effective) };
}
