import { configHint, policySets, type LoadedConfig } from "../config/load.js";
import { allowedList, quote, suggestion } from "../config/wording.js";
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
  readonly profile: GuestProfile;
  readonly options: unknown;
}

/** What a configuration makes of the plugins: the policies it enables, and every guest profile with its options. */
export interface ConfiguredPlugins {
  /** Those of the set `default`. */
  readonly policies: readonly ConfiguredPolicy[];
  readonly policySets: ReadonlyMap<string, readonly ConfiguredPolicy[]>;
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

  const sets = new Map<string, readonly ConfiguredPolicy[]>();
  const known = plugins.filter((plugin) => plugin.kind === "policy");
  for (const set of policySets(config.values)) {
    const policies: ConfiguredPolicy[] = [];
    for (const [index, { name, enabled, options }] of set.policies.entries()) {
      const plugin = known.find((each) => each.manifest.name === name);
      if (plugin === undefined) {
        problems.push(unknownName([...set.path, index, "name"], name, "policy", plugins));
        continue;
      }
      const complete = checked(plugin, options, [...set.path, index, "options"]);
      if (enabled) policies.push({ name, policy: plugin.code, options: complete });
    }
    sets.set(set.name, policies);
  }

  const profiles = plugins.filter((plugin) => plugin.kind === "guest-profile");
  const configured = profiles.map((plugin): ConfiguredProfile => {
    const { name } = plugin.manifest;
    return {
      name,
      profile: plugin.code,
      options: checked(plugin, config.values.profiles[name] ?? {}, ["profiles", name]),
    };
  });
  for (const name of Object.keys(config.values.profiles)) {
    if (!profiles.some((plugin) => plugin.manifest.name === name))
      problems.push(unknownName(["profiles", name], name, "guest-profile", plugins));
  }

  if (problems.length > 0) throw config.source.error("ERR_CONFIG_INVALID", problems, configHint);
  return { policies: sets.get("default") ?? [], policySets: sets, profiles: configured };
}

/** What to say of a plugin that is named where another kind is expected. */
const elsewhere = {
  policy:
    "is a guest profile, not a policy; guest profiles are always active, and their options belong under profiles",
  "guest-profile": "is a policy, not a guest profile; it belongs under policies",
} as const;

function unknownName(
  path: DocumentPath,
  name: string,
  kind: LoadedPlugin["kind"],
  plugins: readonly LoadedPlugin[],
): Problem {
  const names = plugins.filter((plugin) => plugin.kind === kind).map(({ manifest }) => manifest.name);
  const noun = kind === "policy" ? "policy" : "guest profile";
  const other = plugins.find(({ manifest }) => manifest.name === name);
  const said =
    other === undefined
      ? `there is no ${noun} ${quote(name)}${suggestion(name, names)}`
      : `${quote(name)} ${elsewhere[kind]}`;
  return { path, text: `${said}\n${allowedList(names)}` };
}
