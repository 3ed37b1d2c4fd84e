import { messageOf } from "../errors.js";

export const checkSteps = ["manifest", "code", "types", "contract", "tests"] as const;

/** What one step of a check came to. */
export interface CheckStep {
  readonly name: (typeof checkSteps)[number];
  /** `skipped`: an earlier step failed, so that nothing can be said. */
  readonly result: "ok" | "failed" | "skipped";
  /** In words, several lines each; empty unless it failed. */
  readonly problems: readonly string[];
  /** What the author should know although it is no problem. */
  readonly notes: readonly string[];
}

/** What `vmmsched plugins check` found in one folder. */
export interface CheckReport {
  readonly folder: string;
  /** As in plugin.json; the folder's name and no version where that cannot be read. */
  readonly name: string;
  readonly version?: string;
  readonly kind?: "policy" | "guest-profile";
  readonly fit: boolean;
  readonly steps: readonly CheckStep[];
}

const texts = (description: string) => ({ type: "array", items: { type: "string" }, description }) as const;

/** What `vmmsched plugins check --json` prints; docs/check.schema.json is this, for readers of that output. */
export const checkOutputSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Output of vmmsched plugins check --json",
  type: "object",
  additionalProperties: false,
  required: ["schema", "fit", "plugins"],
  properties: {
    schema: { const: 1, description: "Raised when this format changes incompatibly" },
    fit: { type: "boolean", description: "Are all of them fit to run?" },
    plugins: { type: "array", items: { $ref: "#/$defs/plugin" } },
  },
  $defs: {
    plugin: {
      type: "object",
      additionalProperties: false,
      required: ["folder", "name", "fit", "steps"],
      properties: {
        folder: { type: "string", description: "Absolute path" },
        name: {
          type: "string",
          description: "From plugin.json; the folder's name where that cannot be read",
        },
        version: { type: "string", description: "Absent where plugin.json cannot be read" },
        kind: { enum: ["policy", "guest-profile"], description: "Absent where plugin.json cannot be read" },
        fit: { type: "boolean", description: "Is it fit to run? Every step is ok then" },
        steps: { type: "array", items: { $ref: "#/$defs/step" }, description: "In the order of their names" },
      },
    },
    step: {
      type: "object",
      additionalProperties: false,
      required: ["name", "result", "problems", "notes"],
      properties: {
        name: { enum: checkSteps },
        result: {
          enum: ["ok", "failed", "skipped"],
          description: "skipped: a step before it failed, so that nothing can be said",
        },
        problems: texts("In words, several lines each; empty unless it failed"),
        notes: texts("What the author should know although it is no problem"),
      },
    },
  },
} as const;

/** Problems and notes of a step while it runs. */
export interface Findings {
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

/** Each problem that an error tells of: ours list all that is wrong with a file at once. */
export function problemsOf(error: unknown): readonly string[] {
  const said = messageOf(error).trimEnd();
  const list = /^\d+ errors? in .*:\n((?: .*\n?)+)/.exec(said)?.[1];
  if (list === undefined) return [said];
  return list.split(/\n(?= {2}\S)/).map((entry) => entry.replace(/^ {2}/gm, "").trimEnd());
}
