import type { FromSchema } from "json-schema-to-ts";
import { schemaCheck, type SchemaCheck } from "../../config/schema-check.js";
import { pointer, type Problem } from "../../config/source-document.js";
import { VmmschedError, messageOf } from "../../errors.js";
import type { WireError } from "./wire-error.js";

/**
 * The control protocol: one JSON object a line each way (UTF-8, LF). Requests of a connection are answered in their order.
 * After `stream: true` the connection carries raw bytes to the client until it ends, and takes no further request.
 */
export const protocolVersion = 1;

/** Longest request, without its line end. */
export const longestRequestBytes = 64 * 1024;
/** Longest answer that a client takes: a bound for what it reads from something that is no scheduler. */
export const longestAnswerBytes = 16 * 1024 * 1024;

const requestSchema = {
  type: "object",
  additionalProperties: false,
  required: ["v", "id", "call"],
  properties: {
    v: { type: "integer" },
    id: { type: "integer" },
    call: { type: "string" },
    args: { type: "object", default: {} },
  },
} as const;

const wireErrorSchema = {
  type: "object",
  required: ["code", "message"],
  properties: { code: { type: "string" }, message: { type: "string" }, details: { type: "object" } },
} as const;

const answerSchema = {
  type: "object",
  required: ["v", "id"],
  properties: {
    v: { type: "integer" },
    id: { type: ["integer", "null"] },
    ok: {},
    error: wireErrorSchema,
    stream: { const: true },
  },
} as const;

export type ControlRequest = FromSchema<typeof requestSchema>;

/** One of `ok`, `error` and `stream`. `id` is null in an error that answers no request; the connection ends after it. */
export interface ControlAnswer {
  readonly v: number;
  readonly id: number | null;
  readonly ok?: unknown;
  readonly error?: WireError;
  readonly stream?: true;
}

const checkRequest = schemaCheck(requestSchema);
const checkAnswer = schemaCheck(answerSchema);

/** Reads a request. Throws ERR_CONTROL_PROTOCOL. */
export function parseRequest(line: string): ControlRequest {
  return parse(line, checkRequest, "request") as ControlRequest;
}

/** Reads an answer. Throws ERR_CONTROL_PROTOCOL. */
export function parseAnswer(line: string): ControlAnswer {
  return parse(line, checkAnswer, "answer") as ControlAnswer;
}

export function encode(message: ControlRequest | ControlAnswer): string {
  return `${JSON.stringify(message)}\n`;
}

/** Another version may look different in everything else, so it is asked for first. */
function parse(line: string, check: SchemaCheck, what: "request" | "answer"): unknown {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new VmmschedError(
      "ERR_CONTROL_PROTOCOL",
      `the ${what} is not JSON on one line: ${messageOf(error)}`,
    );
  }
  const version = (value as { readonly v?: unknown } | null)?.v;
  if (typeof version === "number" && version !== protocolVersion) {
    throw new VmmschedError(
      "ERR_CONTROL_PROTOCOL",
      `the ${what} is of version ${version} of the control protocol, and this vmmsched speaks version ${protocolVersion}: ` +
        "use the vmmsched that the scheduler was started with",
      { version, expected: protocolVersion },
    );
  }
  const problems = check(value);
  if (problems.length > 0) {
    throw new VmmschedError(
      "ERR_CONTROL_PROTOCOL",
      `the ${what} is not valid: ${problemsOnOneLine(problems)}`,
    );
  }
  return value;
}

/** What is wrong in something that has no lines to point at. */
export function problemsOnOneLine(problems: readonly Problem[]): string {
  return problems.map(({ path, text }) => `${pointer(path)}: ${text.replaceAll("\n", "; ")}`).join("; ");
}
