import satisfies from "semver/functions/satisfies.js";
import validVersion from "semver/functions/valid.js";
import validRange from "semver/ranges/valid.js";
import { schemaCheck, type SchemaCheck } from "../config/schema-check.js";
import { firstOfEachPlace } from "../config/schema-problem.js";
import { schemaFaults } from "../config/schema-soundness.js";
import { isSchema } from "../config/schema-words.js";
import { readSource, type Problem, type SourceDocument } from "../config/source-document.js";
import { listed, quote } from "../config/wording.js";
import type { VmmschedError } from "../errors.js";
import { manifestSchema, type Manifest } from "./manifest-schema.js";

export type { GuestProfileManifest, Manifest, PolicyManifest } from "./manifest-schema.js";

/** Version of the interface that plugins are written against (core/plugin-api.ts); semantic versioning. */
export const pluginApiVersion = "0.1.0";

/** A manifest that was found to be sound, with the check of its options. */
export interface LoadedManifest {
  readonly manifest: Manifest;
  /** Fills defaults into options and says what is wrong with them. */
  readonly checkOptions: SchemaCheck;
}

const hint = "docs/architecture.md describes plugin.json";
const codes = { unreadable: "ERR_PLUGIN_INVALID", invalid: "ERR_PLUGIN_INVALID" } as const;
const manifestProblems = schemaCheck(manifestSchema);

/** Reads a plugin.json; throws as {@link checkManifest}, and ERR_PLUGIN_INVALID for a file that cannot be read. */
export function readManifest(file: string): LoadedManifest {
  return checkManifest(readSource(file, codes));
}

/**
 * Checks a plugin.json that is read already. Throws ERR_PLUGIN_API for a plugin that is written for another plugin API,
 * whose manifest may then look different as well, and ERR_PLUGIN_INVALID with all that is wrong at once.
 */
export function checkManifest(source: SourceDocument): LoadedManifest {
  const foreign = foreignApi(source);
  if (foreign !== undefined) throw foreign;
  const { value } = source;
  const problems = firstOfEachPlace([
    ...manifestProblems(value),
    ...versionProblems(value),
    ...optionsProblems(value),
  ]);
  if (problems.length > 0) throw source.error("ERR_PLUGIN_INVALID", problems, hint);
  const manifest = value as Manifest;
  return { manifest, checkOptions: optionsCheck(manifest) };
}

type Unchecked = Readonly<Partial<Record<keyof Manifest, unknown>>> | null;

function foreignApi(source: SourceDocument): VmmschedError | undefined {
  const { api, name } = (source.value as Unchecked) ?? {};
  if (typeof api !== "string" || validRange(api) === null || satisfies(pluginApiVersion, api))
    return undefined;
  const who = typeof name === "string" ? `plugin ${quote(name)}` : "the plugin";
  const text =
    `${who} wants plugin API ${api}; this vmmsched has ${pluginApiVersion}\n` +
    "the plugin is disabled; take a version of it that is made for this API";
  return source.error("ERR_PLUGIN_API", [{ path: ["api"], text }], hint);
}

/** What JSON Schema cannot say of versions. */
function versionProblems(value: unknown): readonly Problem[] {
  const { version, api } = (value as Unchecked) ?? {};
  const problems: Problem[] = [];
  const refuse = (key: "version" | "api", found: string) => {
    const text = `found ${quote(found)}\nallowed: ${manifestSchema.properties[key].expects}`;
    problems.push({ path: [key], text });
  };
  if (typeof version === "string" && validVersion(version) === null) refuse("version", version);
  if (typeof api === "string" && validRange(api) === null) refuse("api", api);
  return problems;
}

function optionsProblems(value: unknown): readonly Problem[] {
  const { options } = (value as Unchecked) ?? {};
  if (!isSchema(options)) return [];
  return schemaFaults(options).map(({ path, text }) => ({ path: ["options", ...path], text }));
}

function optionsCheck({ name, options }: Manifest): SchemaCheck {
  if (options !== undefined) return schemaCheck(options);
  return (given) => {
    const keys = Object.keys(given as object);
    if (keys.length === 0) return [];
    return [{ path: [], text: `plugin ${quote(name)} takes no options; found ${listed(keys)}` }];
  };
}
