#!/usr/bin/env node
import "reflect-metadata";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { container as root, type DependencyContainer } from "tsyringe";
import {
  createSimulatedHost,
  DemoGuests,
  runInRealTime,
  SimulatedHypervisor,
} from "../native/simulated/index.js";
import { openXen, xenDoctor } from "../native/xen/index.js";
import { Clock, hostClock } from "./clock.js";
import type { Composition } from "./cli/composition.js";
import { demoHost } from "./cli/demo-host.js";
import { runCli } from "./cli/program.js";
import { checkConfig, loadConfig, type LoadedConfig } from "./config/load.js";
import type { DriverName } from "./config/schema.js";
import { parseSource } from "./config/source-document.js";
import { Cycle } from "./cycle/cycle.js";
import { CycleOptions } from "./cycle/cycle-options.js";
import { DomainRegistry, GuestProfiles } from "./cycle/domain-registry.js";
import { EditLog } from "./cycle/edit-log.js";
import { HostObserver } from "./cycle/host-observer.js";
import { SchedulerLoop } from "./cycle/scheduler-loop.js";
import { VmmschedError } from "./errors.js";
import { Hypervisor } from "./hypervisor.js";
import { createLog, Log, silentLog } from "./log.js";
import { configurePlugins } from "./plugins/configure.js";
import { loadPlugin, loadPlugins } from "./plugins/load.js";
import { InProcessPolicies } from "./policies/in-process-policies.js";
import { Policies } from "./policies/policies.js";
import { HostColumns, SharedHost } from "./snapshot/host-columns.js";

/** Folder of the built program: this file lies in its core/. */
const built = join(dirname(fileURLToPath(import.meta.url)), "..");
const pluginFolders = [join(built, "plugins"), join(built, "guest-profiles")];

/** Guests that have just been started are not yet what they will be. */
const simulatedHeadStartNs = 1e9;

/** What a container is made of; everything else it makes itself. */
interface Parts {
  readonly config: LoadedConfig;
  readonly hypervisor: Hypervisor;
  readonly clock: Clock;
  readonly log: Log;
}

/** The wiring: one container a scheduler or observer. Plugins come in as values and are never in it. */
async function compose({ config, hypervisor, clock, log }: Parts): Promise<DependencyContainer> {
  const { policies, profiles } = configurePlugins(await loadPlugins(pluginFolders), config);
  const container = root.createChildContainer();
  container.registerInstance<Hypervisor>(Hypervisor, hypervisor);
  container.registerInstance<Clock>(Clock, clock);
  container.registerInstance<Log>(Log, log);
  container.registerInstance<CycleOptions>(CycleOptions, cycleOptions(config));
  container.registerInstance<GuestProfiles>(GuestProfiles, profiles);
  const shared = HostColumns.allocate(config.values.maxTasks);
  container.registerInstance<HostColumns>(SharedHost, shared);
  container.registerInstance<Policies>(Policies, new InProcessPolicies(policies, shared, log));
  for (const single of [DomainRegistry, EditLog, Cycle]) container.registerSingleton<object>(single);
  return container;
}

function cycleOptions({ values }: LoadedConfig): CycleOptions {
  const { intervalMs, pause, pauseBudgetMs, maxTasks, domains } = values;
  return { intervalNs: intervalMs * 1e6, pause, pauseBudgetNs: pauseBudgetMs * 1e6, maxTasks, domains };
}

function openHypervisor(driver: DriverName): Hypervisor {
  if (driver === "xen") return openXen();
  const host = createSimulatedHost();
  host.advance(simulatedHeadStartNs);
  runInRealTime(host);
  return new SimulatedHypervisor(host);
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

  async scheduler(config) {
    const log = createLog(config.values.log.level);
    const hypervisor = openHypervisor(config.values.driver);
    return (await compose({ config, hypervisor, clock: hostClock, log })).resolve(SchedulerLoop);
  },

  async observe(config, driver) {
    const hypervisor = openHypervisor(driver);
    return (await compose({ config, hypervisor, clock: hostClock, log: silentLog })).resolve(HostObserver);
  },

  doctor: () => Promise.resolve(xenDoctor()),

  async demoHost() {
    const guests = new DemoGuests();
    const config = checkConfig(parseSource("(demo)", JSON.stringify(demoConfig), "ERR_CONFIG_INVALID"));
    const container = await compose({
      config,
      hypervisor: guests.hypervisor,
      clock: guests.clock,
      log: silentLog,
    });
    guests.advance(simulatedHeadStartNs);
    await container.resolve(DomainRegistry).attachAll(guests.clock.nowNs());
    const cycle = container.resolve(Cycle);
    const tick = () => {
      cycle.tick();
    };
    return demoHost(guests, cycleOptions(config).intervalNs, tick, () => cycle.view());
  },

  record: () =>
    Promise.reject(new VmmschedError("ERR_USAGE", "this vmmsched has no control socket to ask for a record")),

  async policy(folderOrName) {
    const bundled = join(built, "plugins", folderOrName);
    const loaded = await loadPlugin(existsSync(join(folderOrName, "plugin.json")) ? folderOrName : bundled);
    if (loaded.kind === "policy") return { ...loaded, policy: loaded.code };
    throw new VmmschedError("ERR_PLUGIN_INVALID", `${folderOrName} is a ${loaded.kind}, not a policy`);
  },
};

process.exitCode = await runCli(process.argv.slice(2), composition);
// Left to end by itself, node stops catching signals a while before it is gone, and one more would look like a death.
process.stdout.write("", () => process.exit());
