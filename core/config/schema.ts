import type { FromSchema } from "json-schema-to-ts";

const namePatterns = (description: string, value: readonly string[]) =>
  ({ type: "array", items: { type: "string", minLength: 1 }, default: value, description }) as const;

const policySchema = {
  type: "object",
  additionalProperties: false,
  required: ["name"],
  properties: {
    name: { type: "string", minLength: 1, description: "Name of the policy, as in its plugin.json" },
    enabled: { type: "boolean", default: true },
    options: {
      type: "object",
      default: {},
      description: "The policy's own options; its plugin.json describes them",
    },
  },
} as const;

/** The configuration file. Everything has a default, so the empty file is valid. */
export const configSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    driver: { enum: ["xen", "simulated"], default: "xen", description: "Hypervisor driver" },
    intervalMs: {
      type: "integer",
      minimum: 10,
      maximum: 10_000,
      default: 100,
      description: "Time between two ticks",
    },
    pause: {
      enum: ["late", "early"],
      default: "late",
      description:
        "late: pause only to edit, and only the domains to edit; early: pause all domains during the whole tick",
    },
    pauseBudgetMs: {
      type: "number",
      minimum: 1,
      maximum: 50,
      default: 5,
      description: "Longest time that a domain may stay paused in one tick",
    },
    maxTasks: {
      type: "integer",
      minimum: 64,
      maximum: 1_048_576,
      default: 16_384,
      description: "Room for tasks in the snapshot, over all domains",
    },
    domains: {
      type: "object",
      additionalProperties: false,
      default: {},
      description: "Domains to manage, by patterns of their names (* and ?)",
      properties: {
        include: namePatterns("Manage these", ["*"]),
        exclude: namePatterns("but not these", []),
      },
    },
    log: {
      type: "object",
      additionalProperties: false,
      default: {},
      properties: { level: { enum: ["trace", "debug", "info", "warn", "error", "silent"], default: "info" } },
    },
    runtimeDirectory: {
      type: "string",
      minLength: 1,
      default: "/run/vmmsched",
      description: "Directory of the control socket; relative to the configuration file",
    },
    policies: { type: "array", default: [], items: policySchema, description: "Active policies" },
    profiles: {
      type: "object",
      default: {},
      additionalProperties: { type: "object" },
      description: "Options of guest profiles, by the profile's name",
    },
  },
} as const;

/** A configuration with its defaults filled in. */
export type Config = FromSchema<typeof configSchema>;
export type DriverName = Config["driver"];
