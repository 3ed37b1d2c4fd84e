#!/usr/bin/env node
import "reflect-metadata";
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { container as root, type DependencyContainer } from "tsyringe";
import {
  createSimulatedHost,
  DemoGuests,
  runInRealTime,
  SimulatedHypervisor,
} from "../native/simulated/index.js";
import { openQemu, qemuDoctor } from "../native/qemu/index.js";
import { openXen, xenDoctor } from "../native/xen/index.js";
import { Clock, hostClock } from "./clock.js";
import type { Check, Composition } from "./cli/composition.js";
import { demoHost } from "./cli/demo-host.js";
import { runCli } from "./cli/program.js";
import { checkConfig, loadConfig, type LoadedConfig } from "./config/load.js";
import type { DriverName } from "./config/schema.js";
import { parseSource } from "./config/source-document.js";
import { Cycle } from "./cycle/cycle.js";
import { CycleOptions } from "./cycle/cycle-options.js";
import { TickCapture } from "./cycle/tick-capture.js";
import { DomainRegistry, GuestProfiles } from "./cycle/domain-registry.js";
import { EditLog } from "./cycle/edit-log.js";
import { HostObserver } from "./cycle/host-observer.js";
import { schedulerStatus, type SchedulerStatus } from "./cycle/scheduler-status.js";
import { SchedulerLoop } from "./cycle/scheduler-loop.js";
import { VmmschedError } from "./errors.js";
import { Hypervisor } from "./hypervisor.js";
import { createLog, Log, silentLog } from "./log.js";
import { connectControl } from "./control/socket/client.js";
import { controlSocketIn } from "./control/socket/socket-path.js";
import { unknownPlugin } from "./control/socket/plugins-control.js";
import { ControlLink } from "./control/control-link.js";
import { threadFigures } from "./control/memory-figures.js";
import { ProfileShelf } from "./control/profile-shelf.js";
import { loadConfigured } from "./plugins/load-configured.js";
import { loadPolicy } from "./plugins/load-policy.js";
import { readPluginSource } from "./plugins/plugin-source.js";
import { stagePlugin } from "./plugins/stage.js";
import { openStaging } from "./plugins/staging.js";
import { InProcessPolicies } from "./policies/in-process-policies.js";
import { Policies } from "./policies/policies.js";
import { WorkerPolicies } from "./policies/worker-policies.js";
import { HostColumns, SharedHost } from "./snapshot/host-columns.js";

/** Folder of the built program: this file lies in its core/. */
const built = join(dirname(fileURLToPath(import.meta.url)), "..");
/** Plugins that come along, and those of this machine's operator. */
const bundledPlugins = [join(built, "plugins"), join(built, "guest-profiles")];
const operatorsPlugins = "/etc/vmmsched/plugins";

/** Guests that have just been started are not yet what they will be. */
const simulatedHeadStartNs = 1e9;

/** What a container is made of; everything else it makes itself. */
interface Parts {
  readonly hypervisor: Hypervisor;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: CycleOptions;
  readonly profiles: GuestProfiles;
  readonly shared: HostColumns;
  readonly policies: Policies;
}

/** The wiring: one container a scheduler or observer. Plugins come in as values and are never in it. */
function compose(parts: Parts): DependencyContainer {
  const container = root.createChildContainer();
  container.registerInstance<Hypervisor>(Hypervisor, parts.hypervisor);
  container.registerInstance<Clock>(Clock, parts.clock);
  container.registerInstance<Log>(Log, parts.log);
  container.registerInstance<CycleOptions>(CycleOptions, parts.options);
  container.registerInstance<GuestProfiles>(GuestProfiles, parts.profiles);
  container.registerInstance<HostColumns>(SharedHost, parts.shared);
  container.registerInstance<Policies>(Policies, parts.policies);
  for (const single of [DomainRegistry, EditLog, Cycle]) container.registerSingleton<object>(single);
  return container;
}

/** As {@link compose}, with plugins that live in this thread: for looking once, and for hosts in this process. */
async function composeHere(parts: Pick<Parts, "hypervisor" | "clock" | "log">, config: LoadedConfig) {
  using staging = openStaging(mkdtempSync(join(tmpdir(), "vmmsched-")));
  const { policies, profiles } = await loadConfigured(config, searchPath(config), staging);
  const shared = HostColumns.allocate(config.values.maxTasks);
  const asked = new InProcessPolicies(policies, shared, parts.log);
  return compose({ ...parts, options: cycleOptions(config), profiles, shared, policies: asked });
}

function searchPath(config: LoadedConfig): readonly string[] {
  return [...bundledPlugins, operatorsPlugins, ...config.values.pluginDirectories];
}

function cycleOptions({ values }: LoadedConfig): CycleOptions {
  const { intervalMs, pause, pauseBudgetMs, maxTasks, domains } = values;
  return { intervalNs: intervalMs * 1e6, pause, pauseBudgetNs: pauseBudgetMs * 1e6, maxTasks, domains };
}

/** With `pause: early` guests wait for the policies, and no longer than they may be paused. */
function policyDeadlineMs({ values }: LoadedConfig): number {
  const { pause, policyDeadlineMs: deadlineMs, pauseBudgetMs } = values;
  return pause === "early" ? Math.min(deadlineMs, pauseBudgetMs) : deadlineMs;
}

function openHypervisor(driver: DriverName, { values }: LoadedConfig): Hypervisor {
  if (driver === "xen") return openXen();
  if (driver === "qemu") return openQemu(values.qemu);
  const host = createSimulatedHost();
  host.advance(simulatedHeadStartNs);
  runInRealTime(host);
  return new SimulatedHypervisor(host);
}

function checksOf(driver: DriverName, { values }: LoadedConfig): readonly Check[] {
  if (driver === "xen") return xenDoctor();
  if (driver === "qemu") return qemuDoctor(values.qemu);
  return [{ name: "simulated host", ok: true, found: "it needs nothing" }];
}

/** What `vmmsched demo` runs with. */
const demoConfig = {
  driver: "simulated",
  policies: [{ name: "idle-only", options: { background: [{ domain: "batch", process: "backup" }] } }],
};

const composition: Composition = {
  version: (JSON.parse(readFileSync(join(built, "..", "package.json"), "utf8")) as { version: string })
    .version,

  config: loadConfig,

  async scheduler(config, { dryRun }) {
    const log = createLog(config.values.log.level);
    const shared = HostColumns.allocate(config.values.maxTasks);
    const options = { ...cycleOptions(config), dryRun };
    const policies = new WorkerPolicies(shared, policyDeadlineMs(config));
    const profiles = new ProfileShelf();
    let registry: DomainRegistry | undefined;
    let scheduler: (() => SchedulerStatus) | undefined;
    const control = new ControlLink(
      {
        configFile: config.source.file,
        configText: config.source.text,
        version: composition.version,
        pluginDirectories: [...bundledPlugins, operatorsPlugins],
        host: shared.buffers,
        capacity: config.values.maxTasks,
      },
      {
        usePolicies: (active) => policies.use(active),
        useProfiles: (wanted) => profiles.use(wanted),
        managedDomains: () => registry?.namesByProfile() ?? {},
        status: () => scheduler && { status: scheduler(), figures: threadFigures() },
        capture: (on) => (capture.on = on),
        log: (level, fields, message) => log[level](fields, message),
      },
    );
    const capture = new TickCapture(
      shared,
      policies,
      (captured) => control.frame(captured),
      (why) => control.framesLost(why),
    );
    try {
      await control.open();
      const hypervisor = openHypervisor(config.values.driver, config);
      const parts = { hypervisor, clock: hostClock, log, options, shared, policies };
      const container = compose({ ...parts, profiles: profiles.profiles });
      registry = container.resolve(DomainRegistry);
      profiles.changed = (present) => registry?.setProfiles(present);
      const loop = container.resolve(SchedulerLoop);
      const cycle = container.resolve(Cycle);
      cycle.ticked = (wishes) => capture.take(wishes);
      const seen = [loop, cycle, registry] as const;
      scheduler = () => schedulerStatus(...seen);
      control.lost.catch((error: unknown) => loop.fail(error));
      return {
        start: () => loop.start(),
        stop: (mode) => loop.stop(mode),
        ended: loop.ended.finally(() => control.close()),
      };
    } catch (error) {
      await control.close();
      throw error;
    }
  },

  async observe(config, driver) {
    const hypervisor = openHypervisor(driver, config);
    return (await composeHere({ hypervisor, clock: hostClock, log: silentLog }, config)).resolve(
      HostObserver,
    );
  },

  doctor: (config, driver) => Promise.resolve(checksOf(driver, config)),

  async demoHost() {
    const guests = new DemoGuests();
    const config = checkConfig(parseSource("(demo)", JSON.stringify(demoConfig), "ERR_CONFIG_INVALID"));
    const { hypervisor, clock } = guests;
    const container = await composeHere({ hypervisor, clock, log: silentLog }, config);
    guests.advance(simulatedHeadStartNs);
    await container.resolve(DomainRegistry).attachAll(guests.clock.nowNs());
    const cycle = container.resolve(Cycle);
    const tick = () => {
      cycle.tick();
    };
    return demoHost(guests, cycleOptions(config).intervalNs, tick, () => cycle.view());
  },

  async record({ socket, config }) {
    const path = socket ?? controlSocketIn(loadConfig(config).values.runtimeDirectory);
    return (await connectControl(path)).stream("record.start");
  },

  async policy(folderOrName) {
    using staging = openStaging(mkdtempSync(join(tmpdir(), "vmmsched-")));
    const plugin = stagePlugin(readPluginSource(pluginFolder(folderOrName)), staging);
    if (plugin.kind !== "policy")
      throw new VmmschedError("ERR_PLUGIN_INVALID", `${folderOrName} is a ${plugin.kind}, not a policy`);
    return { ...plugin, policy: await loadPolicy(plugin) };
  },
};

/** A folder, or that of the plugin of this name that comes along. Throws ERR_PLUGIN_UNKNOWN. */
function pluginFolder(folderOrName: string): string {
  if (existsSync(join(folderOrName, "plugin.json"))) return folderOrName;
  const bundled = bundledPlugins.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const found = bundled.find((folder) => basename(folder) === folderOrName);
  if (found !== undefined) return found;
  throw unknownPlugin(
    folderOrName,
    bundled.map((folder) => basename(folder)),
  );
}

process.exitCode = await runCli(process.argv.slice(2), composition);
// Left to end by itself, node stops catching signals a while before it is gone, and one more would look like a death.
process.stdout.write("", () => process.exit());
