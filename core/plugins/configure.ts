import { configHint, policySets, type LoadedConfig } from "../config/load.js";
import type { DocumentPath, Problem } from "../config/source-document.js";
import { allowedList, quote, suggestion } from "../config/wording.js";
import type { GuestProfile } from "../guest-profile.js";
import type { Policy } from "../policy.js";
import type { StagedPlugin } from "./stage.js";
import type { Overrides } from "./overrides.js";

/** A policy that runs in the thread that asks it. */
export interface ConfiguredPolicy {
  readonly name: string;
  readonly policy: Policy;
  readonly options: unknown;
}

/** A guest profile in the thread that reads guests. */
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

/** A plugin with the options that it is to run with: checked, and with defaults filled in. */
export interface EffectivePlugin {
  readonly plugin: StagedPlugin;
  readonly options: unknown;
}

/** Something that keeps one plugin from running. */
export interface EffectiveProblem extends Problem {
  readonly plugin: string;
}

/** What is to run: by the configuration, the plugins that there are, and what operators have changed by hand. */
export interface Effective {
  /** In the order of the configuration, then those enabled by hand. */
  readonly policies: readonly EffectivePlugin[];
  readonly profiles: readonly EffectivePlugin[];
  readonly problems: readonly EffectiveProblem[];
}

/** All that is wrong is among the problems: names that no plugin has, and options that a plugin does not take. */
export function effective(
  config: LoadedConfig,
  plugins: ReadonlyMap<string, StagedPlugin>,
  overrides: Overrides,
): Effective {
  const problems: EffectiveProblem[] = [];
  const choose = choosing(plugins, problems);
  return {
    policies: effectivePolicies(config, plugins, overrides, choose),
    profiles: effectiveProfiles(config, plugins, overrides, choose),
    problems,
  };
}

/** As {@link effective}. Throws ERR_CONFIG_INVALID with all problems at once. */
export function soundEffective(...of: Parameters<typeof effective>): Effective {
  const found = effective(...of);
  if (found.problems.length === 0) return found;
  throw of[0].source.error("ERR_CONFIG_INVALID", found.problems, configHint);
}

type Choose = (
  kind: StagedPlugin["kind"],
  name: string,
  given: object,
  namePath: DocumentPath,
  optionsPath: DocumentPath,
) => EffectivePlugin | undefined;

/** Finds a plugin and checks its options; undefined when that is not possible, which is then among the problems. */
function choosing(plugins: ReadonlyMap<string, StagedPlugin>, problems: EffectiveProblem[]): Choose {
  return (kind, name, given, namePath, optionsPath) => {
    const plugin = plugins.get(name);
    if (plugin?.kind !== kind) {
      problems.push({ plugin: name, ...unknownPlugin(namePath, name, kind, [...plugins.values()]) });
      return undefined;
    }
    const options = structuredClone(given);
    const wrong = plugin.checkOptions(options);
    for (const { path, text } of wrong)
      problems.push({ plugin: name, path: [...optionsPath, ...path], text });
    return wrong.length === 0 ? { plugin, options } : undefined;
  };
}

/** The sets that are not in force are checked as well: what is wrong in them should not first show when they are needed. */
function effectivePolicies(
  config: LoadedConfig,
  plugins: ReadonlyMap<string, StagedPlugin>,
  { set: inForce, enabled: byHand, disabled }: Overrides,
  choose: Choose,
): readonly EffectivePlugin[] {
  const policies = new Map<string, EffectivePlugin>();
  for (const set of policySets(config.values)) {
    for (const [index, { name, enabled, options }] of set.policies.entries()) {
      const path = [...set.path, index];
      const chosen = choose(
        "policy",
        name,
        byHand.get(name) ?? options,
        [...path, "name"],
        [...path, "options"],
      );
      const wanted = set.name === inForce && (enabled || byHand.has(name)) && !disabled.has(name);
      if (wanted && chosen !== undefined) policies.set(name, chosen);
    }
  }
  for (const [name, options] of byHand) {
    if (policies.has(name) || plugins.get(name)?.kind !== "policy") continue;
    const given = options ?? configuredOptions(config, name);
    const chosen = choose("policy", name, given, ["policies"], ["policies"]);
    if (chosen !== undefined) policies.set(name, chosen);
  }
  return [...policies.values()];
}

/** Every profile that is not disabled by hand. */
function effectiveProfiles(
  { values }: LoadedConfig,
  plugins: ReadonlyMap<string, StagedPlugin>,
  { enabled: byHand, disabled }: Overrides,
  choose: Choose,
): readonly EffectivePlugin[] {
  const names = [...plugins.values()].filter(({ kind }) => kind === "guest-profile").map(({ name }) => name);
  return [...new Set([...names, ...Object.keys(values.profiles)])].flatMap((name) => {
    const given = byHand.get(name) ?? values.profiles[name] ?? {};
    const chosen = choose("guest-profile", name, given, ["profiles", name], ["profiles", name]);
    return chosen === undefined || disabled.has(name) ? [] : [chosen];
  });
}

/** Options of a policy that the set in force does not have, from another set that does. */
function configuredOptions(config: LoadedConfig, name: string): object {
  const entries = policySets(config.values).flatMap(({ policies }) => policies);
  return entries.find((policy) => policy.name === name)?.options ?? {};
}

/** Names the code, layouts and options of a plugin together. */
export function hashOfEffective({ plugin, options }: EffectivePlugin): string {
  return `${plugin.hash} ${JSON.stringify(options)}`;
}

/** What to say of a plugin that is named where another kind is expected. */
const elsewhere = {
  policy:
    "is a guest profile, not a policy; guest profiles are always active, and their options belong under profiles",
  "guest-profile": "is a policy, not a guest profile; it belongs under policies",
} as const;

function unknownPlugin(
  path: DocumentPath,
  name: string,
  kind: StagedPlugin["kind"],
  plugins: readonly StagedPlugin[],
): Problem {
  const names = plugins.filter((plugin) => plugin.kind === kind).map((plugin) => plugin.name);
  const noun = kind === "policy" ? "policy" : "guest profile";
  const other = plugins.find((plugin) => plugin.name === name);
  const said =
    other === undefined
      ? `there is no ${noun} ${quote(name)}${suggestion(name, names)}`
      : `${quote(name)} ${elsewhere[kind]}`;
  return { path, text: `${said}\n${allowedList(names)}` };
}
