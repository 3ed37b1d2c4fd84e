// First: the decorators of what follows use it while they are loaded.
import "reflect-metadata/lite";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DependencyContainer } from "tsyringe";
import { hostClock } from "../clock.js";
import type { LoadedConfig } from "../config/load.js";
import { cycleOptions } from "../cycle/cycle-options.js";
import { silentLog } from "../log.js";
import { loadConfigured } from "../plugins/load-configured.js";
import { openStaging } from "../plugins/staging.js";
import { InProcessPolicies } from "../policies/in-process-policies.js";
import { HostColumns } from "../snapshot/host-columns.js";
import { compose, type Parts } from "./container.js";
import { bundledPlugins, operatorsPlugins } from "./places.js";

/** What is not said: the host's clock, a log that keeps nothing, and no journal. */
type HereParts = Pick<Parts, "hypervisor"> & Partial<Pick<Parts, "clock" | "log" | "journal">>;

/** A container with plugins that live in this thread: for looking once, and for hosts in this process. */
export async function composeHere(
  { hypervisor, clock = hostClock, log = silentLog, journal }: HereParts,
  config: LoadedConfig,
): Promise<DependencyContainer> {
  using staging = openStaging(mkdtempSync(join(tmpdir(), "vmmsched-")));
  const directories = [...bundledPlugins, ...operatorsPlugins, ...config.values.pluginDirectories];
  const { policies, profiles } = await loadConfigured(config, directories, staging, bundledPlugins);
  const shared = HostColumns.allocate(config.values.maxTasks);
  return compose({
    hypervisor,
    clock,
    log,
    ...(journal === undefined ? {} : { journal }),
    options: cycleOptions(config.values),
    profiles,
    shared,
    policies: new InProcessPolicies(policies, shared, log),
  });
}
