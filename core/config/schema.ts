import type { FromSchema } from "json-schema-to-ts";
import { guardSchema } from "./guard-schema.js";

const namePatterns = (description: string, value: readonly string[]) =>
  ({
    type: "array",
    items: { type: "string", minLength: 1, expects: "a pattern of domain names, such as web-*" },
    default: value,
    description,
  }) as const;

const directoryPath = {
  type: "string",
  pattern: "^[^~]",
  expects: "a path, absolute or relative to this file (~ is not the home directory here)",
} as const;

const policiesSchema = {
  type: "array",
  items: {
    type: "object",
    additionalProperties: false,
    required: ["name"],
    properties: {
      name: { type: "string", minLength: 1, description: "Name of the policy, as in its plugin.json" },
      enabled: {
        type: "boolean",
        default: true,
        description: "false: its options are checked, but it is not run until it is enabled",
      },
      options: {
        type: "object",
        default: {},
        description: "The policy's own options; its plugin.json describes them",
      },
    },
  },
} as const;

/** Where the driver `qemu` finds its virtual machines. */
const qemuSchema = {
  type: "object",
  additionalProperties: false,
  default: {},
  description: "Virtual machines of the driver qemu, by their sockets",
  properties: {
    directory: {
      ...directoryPath,
      default: "/run/vmmsched-qemu",
      description:
        "Each socket NAME.qmp in it is a machine's QMP socket, NAME.qtest its qtest socket, and NAME.guardian a second QMP socket for the guardian",
    },
    machines: {
      type: "array",
      default: [],
      description: "Machines whose sockets lie elsewhere",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["qmp"],
        properties: {
          name: { type: "string", minLength: 1, description: "Name of the domain; otherwise QEMU's -name" },
          qmp: { ...directoryPath, description: "Its QMP socket, which nobody else uses" },
          qtest: { ...directoryPath, description: "Its qtest socket; otherwise it is looked for" },
          guardian: { ...directoryPath, description: "A second QMP socket, for the guardian" },
        },
      },
    },
  },
} as const;

/**
 * The configuration file. Everything has a default, so the empty file is valid. docs/config.schema.json is this schema for
 * editors.
 */
export const configSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Configuration of vmmsched",
  type: "object",
  additionalProperties: false,
  properties: {
    driver: { enum: ["xen", "qemu", "simulated"], default: "xen", description: "Hypervisor driver" },
    qemu: qemuSchema,
    simulatedDomains: {
      type: "array",
      items: { enum: ["batch", "web", "toy", "windows-vista", "windows-7", "windows-10"] },
      uniqueItems: true,
      default: ["batch", "web"],
      description:
        "Domains of the simulated host: batch and web run Linux, toy a toy operating system to write a guest profile for, the others Windows",
    },
    intervalMs: {
      type: "integer",
      minimum: 10,
      maximum: 10_000,
      default: 100,
      description: "Time between two ticks",
    },
    jitterPercent: {
      type: "number",
      minimum: 0,
      maximum: 50,
      default: 0,
      description:
        "Each tick comes up to so much of the interval before or after its time, so that no guest knows when it is looked at",
    },
    slowestIntervalMs: {
      type: "integer",
      minimum: 10,
      maximum: 10_000,
      description:
        "While nothing happens on the host, the time between two ticks grows up to this; without it, it stays intervalMs",
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
    pauseHardLimitMs: {
      type: "integer",
      minimum: 10,
      maximum: 1000,
      default: 50,
      description: "A domain that is paused for longer is resumed by the guardian; more than pauseBudgetMs",
    },
    recoverAfterMs: {
      type: "integer",
      minimum: 0,
      maximum: 600_000,
      default: 5000,
      description:
        "When the scheduler has died, and none has been started since, the guardian recovers after so long",
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
      description: "What is logged",
      properties: {
        level: {
          enum: ["trace", "debug", "info", "warn", "error", "silent"],
          default: "info",
          description: "The least important events that are still logged",
        },
      },
    },
    policies: { ...policiesSchema, default: [], description: "Active policies, each at most once" },
    policySets: {
      type: "object",
      default: {},
      propertyNames: {
        pattern: "^(?!default$)[a-z][a-z0-9-]{0,63}$",
        expects:
          "lower-case letters, digits and dashes, beginning with a letter, at most 64; not default, which names the policies of the key policies",
      },
      additionalProperties: policiesSchema,
      description: "Other sets of policies, by names that `vmmsched plugins switch` takes",
    },
    profiles: {
      type: "object",
      default: {},
      additionalProperties: { type: "object" },
      description: "Options of guest profiles, by the profile's name",
    },
    pluginDirectories: {
      type: "array",
      items: directoryPath,
      default: [],
      description:
        "Directories with plugins, a folder each; searched after those that come along and /etc/vmmsched/plugins",
    },
    runtimeDirectory: {
      ...directoryPath,
      default: "/run/vmmsched",
      description:
        "Where the control socket, the journal and the plugins in use lie while the scheduler runs; the journal outlives one that is killed",
    },
    stateDirectory: {
      ...directoryPath,
      default: "/var/lib/vmmsched",
      description: "Where records of plugins that failed are kept",
    },
    policyDeadlineMs: {
      type: "number",
      minimum: 1,
      maximum: 1000,
      default: 20,
      description: "Longest time that a tick waits for its policies",
    },
    policyMemoryMb: {
      type: "integer",
      minimum: 16,
      maximum: 4096,
      default: 64,
      description: "Heap that one policy may use",
    },
    guard: guardSchema,
  },
} as const;

/** A configuration with its defaults filled in. */
export type Config = FromSchema<typeof configSchema>;
export type DriverName = Config["driver"];
