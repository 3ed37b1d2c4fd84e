import type { LoadedConfig } from "../config/load.js";
import { isVmmschedError } from "../errors.js";
import {
  soundEffective,
  hashOfEffective,
  type ConfiguredPolicy,
  type ConfiguredProfile,
} from "./configure.js";
import { PluginLibrary } from "./library.js";
import { loadPolicy } from "./load-policy.js";
import { loadProfile } from "./load-profile.js";
import { noOverrides } from "./overrides.js";
import type { Staging } from "./staging.js";

/** Nothing waits for it but who asked, and a busy Domain 0 needs more time for it than most modules ever take. */
const profileWithinMs = 60_000;

export interface LoadedPlugins {
  readonly policies: readonly ConfiguredPolicy[];
  readonly profiles: readonly ConfiguredProfile[];
}

/**
 * Loads what a configuration uses of the plugins in these directories into this thread, once and for good: for commands
 * that look once, and for hosts that live in this process. Those in `bundled` are as trusted as vmmsched itself. Throws
 * ERR_CONFIG_INVALID and ERR_PLUGIN_INVALID, and ERR_UNSAFE_PERMISSIONS of others.
 */
export async function loadConfigured(
  config: LoadedConfig,
  directories: readonly string[],
  staging: Staging,
  bundled: readonly string[] = [],
): Promise<LoadedPlugins> {
  using library = new PluginLibrary({ directories, staging, bundled });
  library.open();
  const unsafe = library.entries.find(({ problem }) => isVmmschedError(problem, "ERR_UNSAFE_PERMISSIONS"));
  if (unsafe?.problem !== undefined) throw unsafe.problem;
  const { policies, profiles } = soundEffective(config, library.plugins, noOverrides);
  return {
    policies: await Promise.all(
      policies.map(async ({ plugin, options }) => ({
        name: plugin.name,
        policy: await loadPolicy(plugin),
        options,
      })),
    ),
    profiles: await Promise.all(
      profiles.map(async (each) => ({
        name: each.plugin.name,
        version: each.plugin.version,
        hash: hashOfEffective(each),
        profile: await loadProfile(each.plugin, profileWithinMs),
        options: each.options,
        layouts: each.plugin.layouts,
      })),
    ),
  };
}
