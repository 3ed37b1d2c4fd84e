import type { FromSchema } from "json-schema-to-ts";

const reloadSchema = {
  type: "object",
  description: "The last time that its content, or its options, changed",
  additionalProperties: false,
  required: ["at", "result", "tookMs"],
  properties: {
    at: { type: "string", description: "ISO 8601, UTC" },
    result: {
      enum: ["live", "refused", "rolled-back", "removed"],
      description:
        "live: it is in force; refused: it was found wrong before it was in force; rolled-back: it failed, and the one before it is in force again; removed: its folder is gone",
    },
    version: { type: "string", description: "Version of what came; absent where it could not be read" },
    tookMs: { type: "number", minimum: 0, description: "From the change in the file system to the result" },
    reason: { type: "string", description: "Why it was refused or rolled back; several lines are possible" },
  },
} as const;

const pluginReportSchema = {
  type: "object",
  additionalProperties: false,
  required: ["name", "kind", "folder", "state"],
  properties: {
    name: { type: "string", description: "From plugin.json; the folder's name where that cannot be read" },
    kind: {
      enum: ["policy", "guest-profile", "unknown"],
      description: "unknown: plugin.json cannot be read",
    },
    version: {
      type: "string",
      description: "Version in force; the newest that could be read where none is in force",
    },
    description: { type: "string" },
    folder: { type: "string", description: "Absolute path" },
    state: {
      enum: ["active", "inactive", "disabled", "refused", "failing"],
      description:
        "active: in force; inactive: not configured; disabled: by hand, or by `enabled: false`; refused: none of its versions was good; failing: it failed, and waits for its restart or is given up",
    },
    reason: { type: "string", description: "Why it is not active; several lines are possible" },
    options: { type: "object", description: "Options in force, with defaults filled in" },
    problem: {
      type: "string",
      description: "Why the newest content was refused, while `version` goes on; several lines are possible",
    },
    shadows: {
      type: "array",
      items: { type: "string" },
      description: "Folders of the same name and an older version, which are not used",
    },
    shadowedBy: { type: "string", description: "Folder of the newer version that is used in its place" },
    lastReload: reloadSchema,
    strikes: { type: "integer", minimum: 0, description: "Failures that still count against it" },
    restarts: { type: "integer", minimum: 0, description: "Restarts of its worker since it was loaded" },
    lateTicks: { type: "integer", minimum: 0, description: "Ticks that it had not decided for in time" },
    failure: { type: "string", description: "File in which its last failure is kept for its author" },
    domains: {
      type: "array",
      items: { type: "string" },
      description: "Names of the domains that a guest profile manages; chosen by whoever made them",
    },
  },
} as const;

const pluginListProperties = {
  schema: { const: 1, description: "Raised when this format changes incompatibly" },
  set: {
    type: "string",
    description: "The set of policies in force; `default` is the configuration's `policies`",
  },
  changedByHand: {
    type: "boolean",
    description: "Was a plugin enabled or disabled by hand since the set came into force?",
  },
} as const;

const pluginListSchema = {
  type: "object",
  additionalProperties: false,
  required: ["schema", "set", "changedByHand", "plugins"],
  properties: { ...pluginListProperties, plugins: { type: "array", items: pluginReportSchema } },
} as const;

/** What the `plugins` commands print with `--json`; docs/plugins.schema.json is this, for readers of that output. */
export const pluginsOutputSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Output of vmmsched plugins --json",
  anyOf: [
    {
      ...pluginListSchema,
      description: "list, switch and restore",
      properties: { ...pluginListProperties, plugins: { type: "array", items: { $ref: "#/$defs/plugin" } } },
    },
    {
      type: "object",
      description: "show, enable and disable",
      additionalProperties: false,
      required: ["schema", "plugin"],
      properties: { schema: pluginListProperties.schema, plugin: { $ref: "#/$defs/plugin" } },
    },
  ],
  $defs: { plugin: pluginReportSchema },
} as const;

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** One plugin folder, and what became of it. */
export type PluginReport = DeepReadonly<FromSchema<typeof pluginReportSchema>>;

/** Every plugin that a running scheduler knows, and the set of policies in force. */
export type PluginListReport = DeepReadonly<FromSchema<typeof pluginListSchema>>;

export type PluginState = PluginReport["state"];
export type ReloadReport = NonNullable<PluginReport["lastReload"]>;
