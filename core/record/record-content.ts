import type { FromSchema } from "json-schema-to-ts";
import { schemaCheck, type SchemaCheck } from "../config/schema-check.js";
import { pointer } from "../config/source-document.js";
import { VmmschedError } from "../errors.js";
import {
  domainColumns,
  rowBytesOf,
  taskColumns,
  type ColumnDescription,
  type SnapshotColumns,
} from "./columns.js";
import { policyNameBytes } from "./frame.js";
import { longestStateBytes, type PolicyState } from "./policy-state.js";

const text = { type: "string", maxLength: 1_000_000 } as const;

const columnsSchema = {
  type: "array",
  maxItems: 64,
  items: {
    type: "object",
    required: ["name", "type", "perRow"],
    properties: {
      name: { type: "string", maxLength: 64 },
      type: { enum: ["f64", "i32", "u8"] },
      perRow: { type: "integer", minimum: 1, maximum: 1024 },
    },
  },
} as const;

const startSchema = {
  type: "object",
  additionalProperties: false,
  required: ["vmmsched", "startedAt", "intervalNs", "driver", "capacity"],
  properties: {
    vmmsched: { ...text, description: "Version of the vmmsched that wrote it" },
    startedAt: { ...text, description: "ISO 8601" },
    intervalNs: { type: "number" },
    driver: text,
    capacity: { type: "integer", minimum: 1, maximum: 1_048_576, description: "Most tasks in a tick" },
  },
} as const;

const headSchema = {
  ...startSchema,
  required: [...startSchema.required, "tasks", "domains"],
  properties: { ...startSchema.properties, tasks: columnsSchema, domains: columnsSchema },
};

const policySchema = {
  type: "object",
  additionalProperties: false,
  required: ["policy", "incarnation", "version", "state"],
  properties: {
    policy: { type: "string", minLength: 1, maxLength: policyNameBytes },
    incarnation: { type: "integer" },
    afterGeneration: { type: "integer" },
    version: text,
    hash: text,
    options: {},
    state: {
      type: "object",
      additionalProperties: false,
      required: ["kind"],
      properties: {
        kind: { enum: ["state", "previous", "unavailable"] },
        bytes: { type: "integer", minimum: 0 },
        why: text,
      },
    },
  },
} as const;

const failureSchema = {
  type: "object",
  additionalProperties: false,
  required: ["policy", "version", "error"],
  properties: { policy: text, version: text, error: text, stack: text },
} as const;

const endSchema = {
  type: "object",
  additionalProperties: false,
  required: ["ticks", "why", "early"],
  properties: { ticks: { type: "integer" }, why: text, early: { type: "boolean" } },
} as const;

/** What whoever records says of it. */
export type RecordStart = FromSchema<typeof startSchema>;
/** What a record says of itself. */
export type RecordHead = RecordStart & SnapshotColumns;

/** A policy that decides from some tick on, and the state that it begins with. */
export interface PolicyStart {
  readonly policy: string;
  /** As in the ticks that it is asked in; default 0. */
  readonly incarnation?: number;
  /** It counts from the first tick after the snapshot of this generation; default: from the first that asks it. */
  readonly afterGeneration?: number;
  readonly version: string;
  /** Of the plugin's files. */
  readonly hash?: string;
  /** JSON. */
  readonly options: unknown;
  readonly state: PolicyState;
}

/** What went wrong in a policy, in the tick before it in the record. */
export type PolicyFailure = FromSchema<typeof failureSchema>;

/** How a recording came to its end. */
export type RecordEnd = FromSchema<typeof endSchema>;

/** All content but that of ticks is JSON; a policy's state follows its JSON. */
const mostLevels = 64;
const longestJsonBytes = 4 * 1024 * 1024;
/** Of every block but ticks. */
export const longestContentBytes = longestJsonBytes + longestStateBytes + 4;

export function encodeJson(value: RecordHead | PolicyFailure | RecordEnd): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function encodePolicyStart({ state, incarnation = 0, ...start }: PolicyStart): Buffer {
  const bytes = state.kind === "unavailable" ? new Uint8Array() : state.bytes;
  const described = state.kind === "unavailable" ? state : { kind: state.kind, bytes: bytes.length };
  const json = Buffer.from(JSON.stringify({ ...start, incarnation, state: described }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, bytes]);
}

/** Later versions may say more. */
const check = (schema: object) => schemaCheck({ ...schema, additionalProperties: true });
const checkHead = check(headSchema);
const checkPolicy = check(policySchema);
const checkFailure = check(failureSchema);
const checkEnd = check(endSchema);

/** Throws ERR_RECORD_INVALID, or ERR_RECORD_VERSION where columns have another shape than ours. */
export function parseHead(content: Buffer): RecordHead {
  const head = parse(content, checkHead, "head") as RecordHead;
  checkColumns(head.tasks, taskColumns);
  checkColumns(head.domains, domainColumns);
  return head;
}

/** Names of columns that this vmmsched has and the record has not: they read as 0. */
export function missingColumns(head: SnapshotColumns): readonly string[] {
  const missing = (of: string, ours: readonly ColumnDescription[], theirs: readonly ColumnDescription[]) =>
    ours.filter(({ name }) => !theirs.some((each) => each.name === name)).map(({ name }) => `${of}/${name}`);
  return [...missing("tasks", taskColumns, head.tasks), ...missing("domains", domainColumns, head.domains)];
}

export function parsePolicyStart(content: Buffer): PolicyStart {
  const length = content.length < 4 ? -1 : content.readUInt32LE(0);
  if (length < 0 || length > content.length - 4) throw invalid("a policy", "it is too short");
  const json = content.subarray(4, 4 + length);
  const { state, ...start } = parse(json, checkPolicy, "policy") as FromSchema<typeof policySchema>;
  const bytes = content.subarray(4 + length);
  if (bytes.length !== (state.bytes ?? 0)) throw invalid("a policy", "its state is cut off");
  return { ...start, options: start.options, state: stateOf(state.kind, bytes, state.why) };
}

function stateOf(kind: PolicyState["kind"], bytes: Buffer, why = "the record does not say why"): PolicyState {
  return kind === "unavailable" ? { kind, why } : { kind, bytes };
}

export function parseFailure(content: Buffer): PolicyFailure {
  return parse(content, checkFailure, "failure") as PolicyFailure;
}

export function parseEnd(content: Buffer): RecordEnd {
  return parse(content, checkEnd, "end") as RecordEnd;
}

function parse(content: Buffer, problemsOf: SchemaCheck, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(content.toString("utf8"));
  } catch {
    throw invalid(`its ${what}`, "it is not JSON");
  }
  if (!isShallow(value, mostLevels)) throw invalid(`its ${what}`, "it is nested too deeply");
  const [problem] = problemsOf(value);
  if (problem !== undefined)
    throw invalid(`its ${what}`, `${pointer(problem.path)}: ${problem.text.replaceAll("\n", "; ")}`);
  return value;
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => isShallow(each, levels - 1));
}

function checkColumns(theirs: readonly ColumnDescription[], ours: readonly ColumnDescription[]): void {
  if (new Set(theirs.map(({ name }) => name)).size < theirs.length)
    throw invalid("its head", "a column has two descriptions");
  if (rowBytesOf(theirs) > 4096) throw invalid("its head", "its rows are too long");
  for (const { name, type, perRow } of ours) {
    const found = theirs.find((each) => each.name === name);
    if (found === undefined || (found.type === type && found.perRow === perRow)) continue;
    throw new VmmschedError(
      "ERR_RECORD_VERSION",
      `the column ${name} of the record is ${found.perRow} x ${found.type}; this vmmsched has ${perRow} x ${type}`,
    );
  }
}

function invalid(what: string, why: string): VmmschedError {
  return new VmmschedError("ERR_RECORD_INVALID", `the record is damaged in ${what}: ${why}`);
}
