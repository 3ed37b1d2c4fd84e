#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Composition } from "./cli/composition.js";
import { runCli } from "./cli/program.js";
import { schedulerSocket } from "./cli/scheduler-socket.js";
import { built, bundledPlugins, operatorsPlugins } from "./wiring/places.js";

/**
 * What the commands are made of. Each loads only what it needs: beside busy guests, a slow Domain 0 takes seconds to load
 * it all.
 */
const composition: Composition = {
  version: (JSON.parse(readFileSync(join(built, "..", "package.json"), "utf8")) as { version: string })
    .version,

  config: async (file) => (await import("./config/load.js")).loadConfig(file),

  async scheduler(configFile, { dryRun }) {
    const { ControlLink } = await import("./control/control-link.js");
    const control = new ControlLink({
      configFile,
      version: composition.version,
      bundledPlugins,
      pluginDirectories: operatorsPlugins,
    });
    try {
      // While the control thread loads what it needs.
      const { openScheduler } = await import("./wiring/scheduler.js");
      return await openScheduler(control, dryRun, resolve(configFile));
    } catch (error) {
      await control.close();
      throw error;
    }
  },

  async observe(config, at) {
    const { loadDriver, loadImage } = await import("./wiring/drivers.js");
    const { composeHere } = await import("./wiring/one-thread.js");
    const { HostObserver } = await import("./cycle/host-observer.js");
    const open = typeof at === "string" ? await loadDriver(at, config.values) : await loadImage(at);
    return (await composeHere({ hypervisor: open() }, config)).resolve(HostObserver);
  },

  recover: async (config) => (await import("./wiring/recover.js")).recoverHost(config),

  async doctor(config, driver) {
    const { examineHost } = await import("./wiring/drivers.js");
    const { examinePermissions } = await import("./wiring/permissions.js");
    return [...(await examineHost(driver, config.values)), ...examinePermissions(config)];
  },

  demoHost: async () => (await import("./wiring/demo.js")).openDemoHost(),

  async record(at) {
    const { connectControl } = await import("./control/socket/client.js");
    return (await connectControl(await schedulerSocket(composition, at))).stream("record.start");
  },

  async layout(source) {
    const { readSymbolFile, readVmlinux } = await import("../native/image/index.js");
    if ("vmlinux" in source) {
      const { buildLayout } = await import("../guest-profiles/linux/build-layout.js");
      return buildLayout(readVmlinux(source.vmlinux));
    }
    const { importLayout } = await import("../guest-profiles/windows/import/import-layout.js");
    return importLayout(readSymbolFile(source.symbols), source);
  },

  policy: async (folderOrName) => (await import("./wiring/policy.js")).openPolicy(folderOrName),
};

process.exitCode = await runCli(process.argv.slice(2), composition);
// Left to end by itself, node stops catching signals a while before it is gone, and one more would look like a death.
process.stdout.write("", () => process.exit());
