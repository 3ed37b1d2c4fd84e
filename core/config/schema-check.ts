import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { nearest } from "./nearest.js";
import type { DocumentPath, Problem } from "./source-document.js";

/** A compiled JSON Schema. It fills defaults into the value it is given, and returns every problem it finds. */
export type SchemaCheck = (value: unknown) => readonly Problem[];

/** Compiles a JSON Schema (2020-12). Throws what ajv throws for a schema that is none. */
export function schemaCheck(schema: object): SchemaCheck {
  const validate: ValidateFunction = newAjv(false).compile(schema);
  return (value) => (validate(value) ? [] : problemsOf(validate.errors ?? []));
}

/**
 * What is wrong with a JSON Schema itself. Compiling in strict mode finds it; the meta-schema, which takes far longer
 * to compile than all of ours, is only asked to say it better.
 */
export function checkSchema(schema: object): readonly Problem[] {
  try {
    newAjv(false).compile(schema);
    return [];
  } catch (error) {
    const meta = newAjv(true);
    if (meta.validateSchema(schema) !== true) return problemsOf(meta.errors ?? []);
    return [{ path: [], text: error instanceof Error ? error.message : String(error) }];
  }
}

/** An own instance each: the schemas of different plugins may use the same `$id`, and none outlives its plugin. */
function newAjv(meta: boolean): Ajv2020 {
  return new Ajv2020({ allErrors: true, useDefaults: true, verbose: true, meta, validateSchema: meta });
}

/** `anyOf` and its kin only repeat what their branches say. */
const wrappers = new Set(["anyOf", "oneOf", "allOf", "if"]);

function problemsOf(errors: readonly ErrorObject[]): readonly Problem[] {
  const telling = errors.filter((error) => !wrappers.has(error.keyword));
  return (telling.length > 0 ? telling : errors).map(problemOf);
}

function problemOf(error: ErrorObject): Problem {
  const path = pathOf(error.instancePath);
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(params.additionalProperty);
      const allowed = Object.keys((error.parentSchema?.properties ?? {}) as object);
      return {
        path: [...path, key],
        text: `unknown key ${quote(key)}${suggestion(key, allowed)}\n${allowedList(allowed)}`,
      };
    }
    case "required":
      return { path, text: `missing key ${quote(params.missingProperty)}` };
    case "enum": {
      const allowed = (params.allowedValues as readonly unknown[]).map(String);
      return {
        path,
        text: `found ${quote(error.data)}${suggestion(error.data, allowed)}\n${allowedList(allowed)}`,
      };
    }
    case "type":
      return { path, text: `found ${quote(error.data)}\n${allowedList([String(params.type)])}` };
    case "minimum":
    case "maximum":
      return { path, text: `found ${quote(error.data)}\n${allowedList([rangeOf(error.parentSchema)])}` };
    default:
      return { path, text: `found ${quote(error.data)}, which ${error.message ?? "is not allowed"}` };
  }
}

/** "did you mean" for an unknown word, when some allowed one is near. */
export function suggestion(found: unknown, allowed: readonly string[]): string {
  const near = typeof found === "string" ? nearest(found, allowed) : undefined;
  return near === undefined ? "" : `; did you mean ${quote(near)}?`;
}

export function allowedList(allowed: readonly string[]): string {
  return `allowed: ${allowed.length === 0 ? "nothing" : allowed.join(", ")}`;
}

/** A value as JSON, shortened. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function rangeOf(schema: ErrorObject["parentSchema"]): string {
  const [from, to] = [schema?.minimum as number | undefined, schema?.maximum as number | undefined];
  if (from === undefined) return `at most ${to}`;
  if (to === undefined) return `at least ${from}`;
  return `${from} to ${to}`;
}

/** Parts of a JSON pointer; list indices stay strings, which the document accepts as well. */
function pathOf(instancePath: string): DocumentPath {
  const parts = instancePath.split("/").slice(1);
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}
