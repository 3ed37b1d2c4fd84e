#!/usr/bin/env node
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DependencyContainer } from "tsyringe";
import type { Composition } from "./cli/composition.js";
import { runCli } from "./cli/program.js";
import { schedulerSocket } from "./cli/scheduler-socket.js";
import type { Config, DriverName } from "./config/schema.js";
import type { LoadedConfig } from "./config/load.js";
import type { CycleOptions } from "./cycle/cycle-options.js";
import type { DomainRegistry, GuestProfiles } from "./cycle/domain-registry.js";
import type { SchedulerStatus } from "./cycle/scheduler-status.js";
import type { Clock } from "./clock.js";
import { VmmschedError } from "./errors.js";
import type { Hypervisor } from "./hypervisor.js";
import type { Log } from "./log.js";
import type { Policies } from "./policies/policies.js";
import type { HostColumns } from "./snapshot/host-columns.js";

/** Folder of the built program: this file lies in its core/. */
const built = join(dirname(fileURLToPath(import.meta.url)), "..");
/** Plugins that come along, and those of this machine's operator. */
const bundledPlugins = [join(built, "plugins"), join(built, "guest-profiles")];
const operatorsPlugins = "/etc/vmmsched/plugins";

/** Guests that have just been started are not yet what they will be. */
const simulatedHeadStartNs = 1e9;

/**
 * What looks at guests and schedules them. Like everything below that is imported with await, it is loaded by the commands
 * that need it: beside busy guests, a slow Domain 0 takes seconds to load it all.
 */
async function loadCycle() {
  // The decorators of what follows use it while they are loaded.
  await import("reflect-metadata/lite");
  return {
    ...(await import("tsyringe")),
    ...(await import("./clock.js")),
    ...(await import("./hypervisor.js")),
    ...(await import("./log.js")),
    ...(await import("./cycle/cycle.js")),
    ...(await import("./cycle/cycle-options.js")),
    ...(await import("./cycle/domain-registry.js")),
    ...(await import("./cycle/edit-log.js")),
    ...(await import("./policies/policies.js")),
    ...(await import("./snapshot/host-columns.js")),
  };
}

/** What a scheduler has besides. */
async function loadScheduler() {
  return {
    ...(await loadCycle()),
    ...(await import("./json-log.js")),
    ...(await import("./control/memory-figures.js")),
    ...(await import("./control/profile-shelf.js")),
    ...(await import("./cycle/scheduler-loop.js")),
    ...(await import("./cycle/scheduler-status.js")),
    ...(await import("./cycle/tick-capture.js")),
    ...(await import("./policies/worker-policies.js")),
  };
}

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
function compose(core: Awaited<ReturnType<typeof loadCycle>>, parts: Parts): DependencyContainer {
  const container = core.container.createChildContainer();
  container.registerInstance<Hypervisor>(core.Hypervisor, parts.hypervisor);
  container.registerInstance<Clock>(core.Clock, parts.clock);
  container.registerInstance<Log>(core.Log, parts.log);
  container.registerInstance<CycleOptions>(core.CycleOptions, parts.options);
  container.registerInstance<GuestProfiles>(core.GuestProfiles, parts.profiles);
  container.registerInstance<HostColumns>(core.SharedHost, parts.shared);
  container.registerInstance<Policies>(core.Policies, parts.policies);
  for (const single of [core.DomainRegistry, core.EditLog, core.Cycle])
    container.registerSingleton<object>(single);
  return container;
}

/** As {@link compose}, with plugins that live in this thread: for looking once, and for hosts in this process. */
async function composeHere(parts: Pick<Parts, "hypervisor"> & Partial<Parts>, config: LoadedConfig) {
  const core = await loadCycle();
  const { openStaging } = await import("./plugins/staging.js");
  const { loadConfigured } = await import("./plugins/load-configured.js");
  const { InProcessPolicies } = await import("./policies/in-process-policies.js");
  using staging = openStaging(mkdtempSync(join(tmpdir(), "vmmsched-")));
  const { policies, profiles } = await loadConfigured(config, searchPath(config.values), staging);
  const shared = core.HostColumns.allocate(config.values.maxTasks);
  const given = {
    clock: core.hostClock,
    log: core.silentLog,
    options: core.cycleOptions(config.values),
    ...parts,
  };
  const asked = new InProcessPolicies(policies, shared, given.log);
  return compose(core, { ...given, profiles, shared, policies: asked });
}

function searchPath(config: Config): readonly string[] {
  return [...bundledPlugins, operatorsPlugins, ...config.pluginDirectories];
}

/** Loads a driver; returns what connects to its hypervisor. */
async function loadDriver(driver: DriverName): Promise<() => Hypervisor> {
  if (driver === "xen") return (await import("../native/xen/index.js")).openXen;
  const { createSimulatedHost, runInRealTime, SimulatedHypervisor } =
    await import("../native/simulated/index.js");
  return () => {
    const host = createSimulatedHost();
    host.advance(simulatedHeadStartNs);
    runInRealTime(host);
    return new SimulatedHypervisor(host);
  };
}

/** What `vmmsched demo` runs with. */
const demoConfig = {
  driver: "simulated",
  policies: [{ name: "idle-only", options: { background: [{ domain: "batch", process: "backup" }] } }],
};

const composition: Composition = {
  version: (JSON.parse(readFileSync(join(built, "..", "package.json"), "utf8")) as { version: string })
    .version,

  config: async (file) => (await import("./config/load.js")).loadConfig(file),

  async scheduler(configFile, { dryRun }) {
    const { ControlLink } = await import("./control/control-link.js");
    const pluginDirectories = [...bundledPlugins, operatorsPlugins];
    const control = new ControlLink({ configFile, version: composition.version, pluginDirectories });
    let registry: DomainRegistry | undefined;
    let scheduler: (() => SchedulerStatus) | undefined;
    try {
      // While the control thread loads what it needs.
      const core = await loadScheduler();
      const config = await control.configure();
      const log = core.createLog(config.log.level);
      const shared = core.HostColumns.allocate(config.maxTasks);
      const options = { ...core.cycleOptions(config), dryRun };
      const policies = new core.WorkerPolicies(shared, core.policyDeadlineMs(config));
      const profiles = new core.ProfileShelf();
      const capture = new core.TickCapture(
        shared,
        policies,
        (captured) => control.frame(captured),
        (why) => control.framesLost(why),
      );
      const opened = control.open(shared.buffers, {
        usePolicies: (active) => policies.use(active),
        useProfiles: (wanted) => profiles.use(wanted),
        managedDomains: () => registry?.namesByProfile() ?? {},
        status: () => scheduler && { status: scheduler(), figures: core.threadFigures() },
        capture: (on) => (capture.on = on),
        log: (level, fields, message) => log[level](fields, message),
      });
      const [openHypervisor] = await Promise.all([loadDriver(config.driver), opened]);
      const parts = { hypervisor: openHypervisor(), clock: core.hostClock, log, options, shared, policies };
      const container = compose(core, { ...parts, profiles: profiles.profiles });
      registry = container.resolve(core.DomainRegistry);
      profiles.changed = (present) => registry?.setProfiles(present);
      const loop = container.resolve(core.SchedulerLoop);
      const cycle = container.resolve(core.Cycle);
      cycle.ticked = (wishes) => capture.take(wishes);
      const seen = [loop, cycle, registry] as const;
      scheduler = () => core.schedulerStatus(...seen);
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
    const container = await composeHere({ hypervisor: (await loadDriver(driver))() }, config);
    return container.resolve((await import("./cycle/host-observer.js")).HostObserver);
  },

  doctor: async () => (await import("../native/xen/index.js")).xenDoctor(),

  async demoHost() {
    const { DemoGuests } = await import("../native/simulated/index.js");
    const { demoHost } = await import("./cli/demo-host.js");
    const { checkConfig } = await import("./config/load.js");
    const { parseSource } = await import("./config/source-document.js");
    const { Cycle, cycleOptions, DomainRegistry } = await loadCycle();
    const guests = new DemoGuests();
    const config = checkConfig(parseSource("(demo)", JSON.stringify(demoConfig), "ERR_CONFIG_INVALID"));
    const { hypervisor, clock } = guests;
    const container = await composeHere({ hypervisor, clock }, config);
    guests.advance(simulatedHeadStartNs);
    await container.resolve(DomainRegistry).attachAll(guests.clock.nowNs());
    const cycle = container.resolve(Cycle);
    const tick = () => {
      cycle.tick();
    };
    return demoHost(guests, cycleOptions(config.values).intervalNs, tick, () => cycle.view());
  },

  async record(at) {
    const { connectControl } = await import("./control/socket/client.js");
    return (await connectControl(await schedulerSocket(composition, at))).stream("record.start");
  },

  async policy(folderOrName) {
    const { readPluginSource } = await import("./plugins/plugin-source.js");
    const { stagePlugin } = await import("./plugins/stage.js");
    const { openStaging } = await import("./plugins/staging.js");
    const { loadPolicy } = await import("./plugins/load-policy.js");
    using staging = openStaging(mkdtempSync(join(tmpdir(), "vmmsched-")));
    const plugin = stagePlugin(readPluginSource(await pluginFolder(folderOrName)), staging);
    if (plugin.kind !== "policy")
      throw new VmmschedError("ERR_PLUGIN_INVALID", `${folderOrName} is a ${plugin.kind}, not a policy`);
    return { ...plugin, policy: await loadPolicy(plugin) };
  },
};

/** A folder, or that of the plugin of this name that comes along. Throws ERR_PLUGIN_UNKNOWN. */
async function pluginFolder(folderOrName: string): Promise<string> {
  if (existsSync(join(folderOrName, "plugin.json"))) return folderOrName;
  const bundled = bundledPlugins.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const found = bundled.find((folder) => basename(folder) === folderOrName);
  if (found !== undefined) return found;
  const { unknownPlugin } = await import("./control/socket/plugins-control.js");
  throw unknownPlugin(
    folderOrName,
    bundled.map((folder) => basename(folder)),
  );
}

process.exitCode = await runCli(process.argv.slice(2), composition);
// Left to end by itself, node stops catching signals a while before it is gone, and one more would look like a death.
process.stdout.write("", () => process.exit());
