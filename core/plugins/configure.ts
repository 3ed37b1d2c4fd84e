import { configHint, type LoadedConfig } from "../config/load.js";
import { allowedList, quote, suggestion } from "../config/schema-check.js";
import type { DocumentPath, Problem } from "../config/source-document.js";
import type { GuestProfile } from "../guest-profile.js";
import type { Policy } from "../policy.js";
import type { LoadedPlugin } from "./load.js";

export interface ConfiguredPolicy {
  readonly name: string;
  readonly policy: Policy;
  readonly options: unknown;
}

export interface ConfiguredProfile {
  readonly name: string;
  readonly version: string;
  /** Identifies its code, layouts and options together: the same hash is the same profile. */
  readonly hash: string;
  readonly profile: GuestProfile;
  readonly options: unknown;
  /** Contents of its layout files by their path relative to plugin.json. */
  readonly layouts: ReadonlyMap<string, unknown>;
}

/** What a configuration makes of the plugins: the policies it enables, and every guest profile with its options. */
export interface ConfiguredPlugins {
  readonly policies: readonly ConfiguredPolicy[];
  readonly profiles: readonly ConfiguredProfile[];
}

/**
 * Gives plugins the operator's options, checked and with defaults filled in. Throws ERR_CONFIG_INVALID with all that
 * is wrong at once: unknown names, and options that a plugin does not take.
 */
export function configurePlugins(plugins: readonly LoadedPlugin[], config: LoadedConfig): ConfiguredPlugins {
  const problems: Problem[] = [];
  const checked = (plugin: LoadedPlugin, given: object, path: DocumentPath): unknown => {
    const options = structuredClone(given);
    for (const { path: inner, text } of plugin.checkOptions(options))
      problems.push({ path: [...path, ...inner], text });
    return options;
  };

  const policies: ConfiguredPolicy[] = [];
  const known = plugins.filter((plugin) => plugin.kind === "policy");
  for (const [index, { name, enabled, options }] of config.values.policies.entries()) {
    const plugin = known.find((each) => each.manifest.name === name);
    if (plugin === undefined) problems.push(unknownName(["policies", index, "name"], name, known));
    else {
      const complete = checked(plugin, options, ["policies", index, "options"]);
      if (enabled) policies.push({ name, policy: plugin.code, options: complete });
    }
  }

  const profiles = plugins.filter((plugin) => plugin.kind === "guest-profile");
  const configured = profiles.map((plugin): ConfiguredProfile => {
    const { name, version } = plugin.manifest;
    const options = checked(plugin, config.values.profiles[name] ?? {}, ["profiles", name]);
    const hash = [name, version, JSON.stringify(options)].join(" ");
    return { name, version, hash, profile: plugin.code, options, layouts: new Map() };
  });
  for (const name of Object.keys(config.values.profiles)) {
    if (!profiles.some((plugin) => plugin.manifest.name === name))
      problems.push(unknownName(["profiles", name], name, profiles));
  }

  if (problems.length > 0) throw config.source.error("ERR_CONFIG_INVALID", problems, configHint);
  return { policies, profiles: configured };
}

function unknownName(path: DocumentPath, name: string, plugins: readonly LoadedPlugin[]): Problem {
  const names = plugins.map((plugin) => plugin.manifest.name);
  return { path, text: `there is no plugin ${quote(name)}${suggestion(name, names)}\n${allowedList(names)}` };
}
