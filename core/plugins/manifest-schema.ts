import type { FromSchema } from "json-schema-to-ts";

const folderPath = "(?![/\\\\])(?!(?:.*/)?\\.\\.(?:/|$))[^\\\\]+";

/** What the manifests of all kinds of plugins have. */
const commonProperties = {
  $schema: {
    type: "string",
    description: "This schema, so that an editor completes and explains the manifest: a path or a URL",
  },
  kind: {
    enum: ["policy", "guest-profile"],
    description:
      "policy: decides which processes run; guest-profile: reads and edits one family of guest operating systems",
  },
  name: {
    type: "string",
    pattern: "^[a-z][a-z0-9-]{0,63}$",
    expects: "lower-case letters, digits and dashes, beginning with a letter, at most 64",
    description: "How the configuration names the plugin; no two plugins have the same",
  },
  version: {
    type: "string",
    pattern: "^\\d+\\.\\d+\\.\\d+(?:-[0-9A-Za-z.-]+)?(?:\\+[0-9A-Za-z.-]+)?$",
    expects: "a semantic version, such as 1.0.0 or 2.1.0-beta.1",
    description: "Version of the plugin: of two with the same name the newer one is used",
  },
  api: {
    type: "string",
    minLength: 1,
    expects: "a range of versions, such as ^0.1.0 or >=0.1.0 <0.3.0",
    description: "Versions of the plugin API that the plugin works with; with any other it is disabled",
  },
  description: {
    type: "string",
    minLength: 1,
    expects: "a sentence",
    description: "One sentence that tells operators what the plugin does",
  },
  entry: {
    type: "string",
    pattern: `^${folderPath}(?:\\.js|(?<!\\.d)\\.ts)$`,
    expects: "a path to a .js or .ts file inside the plugin's folder, such as index.ts",
    description: "Module whose default export is the plugin, relative to plugin.json",
  },
  options: {
    type: "object",
    properties: {
      type: { const: "object" },
      properties: { type: "object", description: "The options by name, each with its own JSON Schema" },
      required: {
        type: "array",
        items: { type: "string" },
        description: "Names of the options that must be given",
      },
      additionalProperties: {
        description:
          "false: options that are not listed in properties are refused, as misspelt ones should be",
      },
      $defs: { type: "object", description: "Schemas that others refer to as #/$defs/NAME" },
      examples: {
        type: "array",
        minItems: 1,
        items: { type: "object" },
        description: "Options that `vmmsched plugins check` tries the plugin with",
      },
    },
    description:
      "JSON Schema (2020-12) of the plugin's options, with defaults; without it the plugin takes none. " +
      "The keyword `expects` says in words what is allowed, for error messages",
  },
} as const;

const commonRequired = ["kind", "name", "version", "api", "description", "entry"] as const;

/** The branches only close the object: their common properties are described once, above. */
const common = {
  $schema: true,
  kind: true,
  name: true,
  version: true,
  api: true,
  description: true,
  entry: true,
  options: true,
} as const;

const policyBranch = {
  type: "object",
  additionalProperties: false,
  required: ["kind"],
  properties: { ...common, kind: { const: "policy" } },
} as const;

const guestProfileBranch = {
  type: "object",
  additionalProperties: false,
  required: ["kind"],
  properties: {
    ...common,
    kind: { const: "guest-profile" },
    layouts: {
      type: "object",
      additionalProperties: false,
      required: ["directory", "schema"],
      description:
        "Data of the profile, such as the offsets of a kernel's structures; checked before it is used",
      properties: {
        directory: {
          type: "string",
          pattern: `^${folderPath}$`,
          expects: "a path to a directory inside the plugin's folder, such as layouts",
          description: "Every .json file in this directory is data of the profile",
        },
        schema: {
          type: "string",
          pattern: `^${folderPath}\\.json$`,
          expects: "a path to a .json file inside the plugin's folder, such as layout.schema.json",
          description: "File with the JSON Schema (2020-12) that each of them follows",
        },
      },
    },
    capabilities: {
      type: "array",
      uniqueItems: true,
      items: { enum: ["hold", "release", "priority"] },
      description: "What the profile can do at best; what it can do in one guest is found out there",
    },
  },
} as const;

/** plugin.json; docs/plugin.schema.json is this schema for editors. */
export const manifestSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "plugin.json of vmmsched",
  type: "object",
  required: commonRequired,
  properties: commonProperties,
  discriminator: { propertyName: "kind" },
  oneOf: [policyBranch, guestProfileBranch],
} as const;

export type Manifest = FromSchema<typeof manifestSchema>;
export type PolicyManifest = Extract<Manifest, { readonly kind: "policy" }>;
export type GuestProfileManifest = Extract<Manifest, { readonly kind: "guest-profile" }>;
