import type { FromSchema } from "json-schema-to-ts";
import semver from "semver";
import { checkSchema, schemaCheck, type SchemaCheck } from "../config/schema-check.js";
import { readSource } from "../config/source-document.js";

/** Version of the interface that plugins are written against (core/plugin-api.ts); semantic versioning. */
export const pluginApiVersion = "0.1.0";

export const manifestSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "plugin.json of vmmsched",
  type: "object",
  additionalProperties: false,
  required: ["kind", "name", "version", "api", "description", "entry"],
  properties: {
    $schema: { type: "string" },
    kind: { enum: ["policy", "guest-profile"] },
    name: { type: "string", pattern: "^[a-z][a-z0-9-]*$", maxLength: 64 },
    version: { type: "string", description: "Version of the plugin (semantic versioning)" },
    api: { type: "string", description: "Range of plugin API versions that it works with, such as ^0.1.0" },
    description: { type: "string", minLength: 1 },
    entry: {
      type: "string",
      pattern: "^(?!.*\\.\\.)[^/].*\\.[jt]s$",
      description: "Module with the plugin as its default export, relative to plugin.json",
    },
    options: {
      type: "object",
      default: { type: "object", additionalProperties: false },
      description: "JSON Schema of the options an operator may give; none are allowed where it is missing",
    },
  },
} as const;

export type Manifest = FromSchema<typeof manifestSchema>;

/** A manifest that was found to be sound, with the check of its options. */
export interface LoadedManifest {
  readonly manifest: Manifest;
  /** Fills defaults into options and says what is wrong with them. */
  readonly checkOptions: SchemaCheck;
}

const hint = "docs/architecture.md describes plugin.json";
const codes = { unreadable: "ERR_PLUGIN_INVALID", invalid: "ERR_PLUGIN_INVALID" } as const;
const checkManifest = schemaCheck(manifestSchema);

/** Reads a plugin.json. Throws ERR_PLUGIN_INVALID with all that is wrong at once. */
export function readManifest(file: string): LoadedManifest {
  const source = readSource(file, codes);
  const problems = checkManifest(source.value);
  if (problems.length > 0) throw source.error("ERR_PLUGIN_INVALID", problems, hint);
  const manifest = source.value as Manifest;
  const faults = [
    ...(semver.valid(manifest.version) === null
      ? [{ path: ["version"], text: `found "${manifest.version}", which is not a semantic version` }]
      : []),
    ...apiProblems(manifest.api),
    ...checkSchema(manifest.options).map(({ path, text }) => ({ path: ["options", ...path], text })),
  ];
  if (faults.length > 0) throw source.error("ERR_PLUGIN_INVALID", faults, hint);
  return { manifest, checkOptions: schemaCheck(manifest.options) };
}

function apiProblems(range: string) {
  if (semver.validRange(range) === null)
    return [{ path: ["api"], text: `found "${range}", which is no version range` }];
  if (semver.satisfies(pluginApiVersion, range)) return [];
  return [{ path: ["api"], text: `it wants API ${range}; this vmmsched has ${pluginApiVersion}` }];
}
