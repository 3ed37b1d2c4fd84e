import { dirname, resolve } from "node:path";
import { schemaCheck } from "./schema-check.js";
import { isSchema } from "./schema-words.js";
import { configSchema, type Config } from "./schema.js";
import {
  parseSource,
  readSource,
  type DocumentPath,
  type Problem,
  type SourceDocument,
} from "./source-document.js";
import { quote } from "./wording.js";

/** A configuration and the file it came from, for errors that are found later (options of plugins). */
export interface LoadedConfig {
  readonly values: Config;
  readonly source: SourceDocument;
}

/** Policies that are active together. */
export interface PolicySet {
  readonly name: string;
  /** Where the set stands in the configuration. */
  readonly path: DocumentPath;
  readonly policies: Config["policies"];
}

export const configHint = "docs/operating.md describes every option";

const check = schemaCheck(configSchema);
const codes = { unreadable: "ERR_CONFIG_UNREADABLE", invalid: "ERR_CONFIG_INVALID" } as const;

/**
 * Reads a configuration file, or takes the defaults when there is none. Throws ERR_CONFIG_UNREADABLE, or
 * ERR_CONFIG_INVALID with all that is wrong at once.
 */
export function loadConfig(file: string | undefined): LoadedConfig {
  const source = file === undefined ? parseSource("(defaults)", "", codes.invalid) : readSource(file, codes);
  return checkConfig(source);
}

/**
 * Checks a parsed configuration, fills in its defaults and makes its directories absolute: relative ones begin at the
 * file. Throws ERR_CONFIG_INVALID.
 */
export function checkConfig(source: SourceDocument): LoadedConfig {
  const problems = [...check(source.value), ...repeatedPolicies(source), ...slowestIsFaster(source)];
  if (problems.length > 0) throw source.error("ERR_CONFIG_INVALID", problems, configHint);
  const config = source.value as Config;
  const absolute = (path: string) => resolve(dirname(source.file), path);
  const values = {
    ...config,
    qemu: {
      directory: absolute(config.qemu.directory),
      machines: config.qemu.machines.map(({ name, qmp, qtest, guardian }) => ({
        qmp: absolute(qmp),
        ...(name === undefined ? {} : { name }),
        ...(qtest === undefined ? {} : { qtest: absolute(qtest) }),
        ...(guardian === undefined ? {} : { guardian: absolute(guardian) }),
      })),
    },
    pluginDirectories: config.pluginDirectories.map(absolute),
    runtimeDirectory: absolute(config.runtimeDirectory),
    stateDirectory: absolute(config.stateDirectory),
  };
  return { values, source };
}

/** The policies of a configuration by the set that they belong to: `default` is what the key `policies` lists. */
export function policySets(config: Config): readonly PolicySet[] {
  const others = Object.entries(config.policySets);
  return [
    { name: "default", path: ["policies"], policies: config.policies },
    ...others.map(([name, policies]) => ({ name, path: ["policySets", name], policies })),
  ];
}

/** Looks at values that are not checked yet, so that these problems are told together with all others. */
function repeatedPolicies(source: SourceDocument): readonly Problem[] {
  const { policies, policySets: others } = isSchema(source.value) ? source.value : {};
  const sets: (readonly [DocumentPath, unknown])[] = [
    [["policies"], policies],
    ...Object.entries(isSchema(others) ? others : {}).map(
      ([name, set]) => [["policySets", name], set] as const,
    ),
  ];
  return sets.flatMap(([path, set]) => {
    const names = Array.isArray(set)
      ? set.map((policy: unknown) => (isSchema(policy) ? policy.name : undefined))
      : [];
    return names.flatMap((name, index) => {
      const first = names.indexOf(name);
      if (typeof name !== "string" || first === index) return [];
      const text = `policy ${quote(name)} is named a second time; first at ${source.position([...path, first, "name"])}`;
      return [{ path: [...path, index, "name"], text: `${text}\nallowed: each policy once in a set` }];
    });
  });
}

function slowestIsFaster(source: SourceDocument): readonly Problem[] {
  const { intervalMs, slowestIntervalMs } = isSchema(source.value) ? source.value : {};
  if (typeof intervalMs !== "number" || typeof slowestIntervalMs !== "number") return [];
  if (slowestIntervalMs >= intervalMs) return [];
  const text = `found ${quote(slowestIntervalMs)}\nallowed: ${quote(intervalMs)}, which is intervalMs, or more`;
  return [{ path: ["slowestIntervalMs"], text }];
}
