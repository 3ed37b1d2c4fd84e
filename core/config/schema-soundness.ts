import { messageOf } from "../errors.js";
import { newAjv } from "./schema-check.js";
import { problemsOf } from "./schema-problem.js";
import { isSchema, referred, type Schema } from "./schema-words.js";
import type { DocumentPath, Problem } from "./source-document.js";
import { allowedList, quote, suggestion } from "./wording.js";

/** What ajv knows the schema under, next to its own `$id`. */
const key = "schema";
const metaSchema = "https://json-schema.org/draft/2020-12/schema";

/** Keywords by what their value holds: schemas by name, a list of schemas, or one schema. */
const named = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
const several = ["oneOf", "anyOf", "allOf", "prefixItems"];
const single = [
  "items",
  "contains",
  "additionalProperties",
  "unevaluatedProperties",
  "unevaluatedItems",
  "propertyNames",
  "not",
  "if",
  "then",
  "else",
];

/** A part of a schema that is a schema itself, and where it stands. */
interface Part {
  readonly path: DocumentPath;
  readonly schema: Schema;
}

/**
 * What is wrong with a JSON Schema (2020-12) itself: words that mean nothing, values of the wrong kind, references that
 * lead nowhere, patterns that are none, required keys that it does not have, and defaults that it would refuse.
 */
export function schemaFaults(schema: Schema): readonly Problem[] {
  const ajv = newAjv();
  const words = Object.keys(ajv.RULES.keywords);
  const written = [...parts(schema)];
  const faults = written.flatMap((part) => [
    ...unknownWords(part, words),
    ...strayReference(part, schema),
    ...brokenPatterns(part),
    ...strayRequired(part),
  ]);
  if (faults.length > 0) return [...faults, ...metaFaults(schema)];
  try {
    ajv.addSchema(schema, key).getSchema(key);
  } catch (error) {
    const told = metaFaults(schema);
    return told.length > 0 ? told : [{ path: [], text: messageOf(error).replace(/^strict mode: /, "") }];
  }
  return brokenDefaults(written, schema);
}

function* parts(schema: unknown, path: DocumentPath = []): Generator<Part> {
  if (!isSchema(schema)) return;
  yield { path, schema };
  for (const keyword of single) yield* parts(schema[keyword], [...path, keyword]);
  for (const keyword of several) {
    const list: unknown = schema[keyword];
    if (Array.isArray(list))
      for (const [index, each] of list.entries()) yield* parts(each, [...path, keyword, index]);
  }
  for (const keyword of named) {
    const map = schema[keyword];
    if (isSchema(map))
      for (const [name, each] of Object.entries(map)) yield* parts(each, [...path, keyword, name]);
  }
}

function unknownWords({ path, schema }: Part, words: readonly string[]): readonly Problem[] {
  const unknown = Object.keys(schema).filter((word) => !words.includes(word));
  return unknown.map((word) => ({
    path: [...path, word],
    text: `unknown JSON Schema keyword ${quote(word)}${suggestion(word, words)}`,
  }));
}

function strayReference({ path, schema }: Part, root: Schema): readonly Problem[] {
  const { $ref: reference } = schema;
  if (typeof reference !== "string" || !/^#(\/|$)/.test(reference) || isTarget(referred(reference, root)))
    return [];
  const known = Object.keys(isSchema(root.$defs) ? root.$defs : {}).map((name) => `#/$defs/${name}`);
  const text = `${quote(reference)} leads nowhere${suggestion(reference, known)}\n${allowedList(known)}`;
  return [{ path: [...path, "$ref"], text }];
}

function isTarget(value: unknown): boolean {
  return isSchema(value) || typeof value === "boolean";
}

function brokenPatterns({ path, schema }: Part): readonly Problem[] {
  const keys = isSchema(schema.patternProperties) ? Object.keys(schema.patternProperties) : [];
  const patterns: (readonly [DocumentPath, unknown])[] = [
    [[...path, "pattern"], schema.pattern],
    ...keys.map((key) => [[...path, "patternProperties", key], key] as const),
  ];
  return patterns.flatMap(([place, pattern]) => {
    if (typeof pattern !== "string") return [];
    try {
      new RegExp(pattern, "u");
      return [];
    } catch (error) {
      return [{ path: place, text: `this is no regular expression: ${regExpFault(error)}` }];
    }
  });
}

function regExpFault(error: unknown): string {
  return messageOf(error).replace("Invalid regular expression: ", "");
}

/** A closed object that requires a key which it does not have can never be given. */
function strayRequired({ path, schema }: Part): readonly Problem[] {
  const { properties, required, additionalProperties } = schema;
  if (!isSchema(properties) || !Array.isArray(required) || additionalProperties !== false) return [];
  const known = Object.keys(properties);
  return required.flatMap((key: unknown, index) =>
    typeof key !== "string" || known.includes(key)
      ? []
      : [
          {
            path: [...path, "required", index],
            text: `${quote(key)} is required, but there is no such property${suggestion(key, known)}\n${allowedList(known)}`,
          },
        ],
  );
}

function brokenDefaults(written: readonly Part[], root: Schema): readonly Problem[] {
  // A part is compiled as a schema of its own here, and a strict ajv refuses the default of a whole schema.
  const ajv = newAjv({ strictSchema: false }).addSchema(root, key);
  return written.flatMap(({ path, schema }) => {
    if (!("default" in schema)) return [];
    const validate = ajv.getSchema(`${key}#${path.map((part) => `/${fragment(part)}`).join("")}`);
    if (validate === undefined || validate(structuredClone(schema.default)) === true) return [];
    return problemsOf(validate.errors ?? [], root).map((problem) => ({
      path: [...path, "default", ...problem.path],
      text: `its own schema refuses this default: ${problem.text}`,
    }));
  });
}

function fragment(part: string | number): string {
  return encodeURIComponent(String(part).replaceAll("~", "~0").replaceAll("/", "~1"));
}

function metaFaults(schema: Schema): readonly Problem[] {
  const ajv = newAjv({ meta: true });
  if (ajv.validate(metaSchema, schema)) return [];
  return problemsOf(ajv.errors ?? [], {});
}
