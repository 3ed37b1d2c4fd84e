import { schemaCheck } from "./schema-check.js";
import { configSchema, type Config } from "./schema.js";
import { parseSource, readSource, type SourceDocument } from "./source-document.js";

/** A configuration and the file it came from, for errors that are found later (options of plugins). */
export interface LoadedConfig {
  readonly values: Config;
  readonly source: SourceDocument;
}

export const configHint = "docs/operating.md describes every option";

const codes = { unreadable: "ERR_CONFIG_UNREADABLE", invalid: "ERR_CONFIG_INVALID" } as const;

/**
 * Reads a configuration file, or takes the defaults when there is none. Throws ERR_CONFIG_UNREADABLE, or
 * ERR_CONFIG_INVALID with all that is wrong at once.
 */
export function loadConfig(file: string | undefined): LoadedConfig {
  const source = file === undefined ? parseSource("(defaults)", "", codes.invalid) : readSource(file, codes);
  return checkConfig(source);
}

/** Checks a parsed configuration and fills in its defaults. Throws ERR_CONFIG_INVALID. */
export function checkConfig(source: SourceDocument): LoadedConfig {
  const problems = schemaCheck(configSchema)(source.value);
  if (problems.length > 0) throw source.error("ERR_CONFIG_INVALID", problems, configHint);
  return { values: source.value as Config, source };
}
