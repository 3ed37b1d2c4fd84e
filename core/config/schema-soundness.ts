import { messageOf } from "../errors.js";
import { compiledSchema, newAjv } from "./schema-check.js";
import { schemaParts } from "./schema-parts.js";
import { firstOfEachPlace, problemsOf } from "./schema-problem.js";
import { isSchema, referred, type Schema } from "./schema-words.js";
import type { DocumentPath, Problem } from "./source-document.js";
import { allowedList, quote, suggestion } from "./wording.js";

/** What ajv knows the schema under, next to its own `$id`. */
const key = "schema";
const metaSchema = "https://json-schema.org/draft/2020-12/schema";
const typeNames = ["string", "number", "integer", "boolean", "object", "array", "null"];

interface Part {
  readonly path: DocumentPath;
  readonly schema: Schema;
}

/**
 * What is wrong with a JSON Schema (2020-12) itself: words that mean nothing, values of the wrong kind, references that
 * lead nowhere, patterns that are none, required keys that it does not have, and defaults that it would refuse.
 */
export function schemaFaults(schema: Schema): readonly Problem[] {
  const words = Object.keys(newAjv().RULES.keywords);
  const parts: Part[] = [];
  const faults: Problem[] = [];
  for (const { path, value } of schemaParts(schema)) {
    if (isSchema(value)) parts.push({ path, schema: value });
    else if (typeof value !== "boolean") faults.push(noSchema(path, value));
  }
  for (const part of parts) faults.push(...partFaults(part, schema, words));
  if (faults.length > 0) return firstOfEachPlace([...faults, ...metaFaults(schema)]);
  try {
    compiledSchema(schema);
  } catch (error) {
    const told = metaFaults(schema);
    return told.length > 0 ? told : [refusal(messageOf(error), parts)];
  }
  return brokenDefaults(parts, schema);
}

function noSchema(path: DocumentPath, value: unknown): Problem {
  const meant = typeof value === "string" && typeNames.includes(value) ? value : "string";
  return { path, text: `found ${quote(value)}\nallowed: a JSON Schema, such as { "type": "${meant}" }` };
}

function partFaults(part: Part, root: Schema, words: readonly string[]): readonly Problem[] {
  return [
    ...unknownWords(part, words),
    ...unknownTypes(part),
    ...uncheckable(part),
    ...strayReference(part, root),
    ...brokenPatterns(part),
    ...strayRequired(part),
  ];
}

function unknownWords({ path, schema }: Part, words: readonly string[]): readonly Problem[] {
  const unknown = Object.keys(schema).filter((word) => !words.includes(word));
  return unknown.map((word) => ({
    path: [...path, word],
    text: `unknown JSON Schema keyword ${quote(word)}${suggestion(word, words)}`,
  }));
}

function unknownTypes({ path, schema: { type } }: Part): readonly Problem[] {
  const types: readonly unknown[] = Array.isArray(type) ? type : type === undefined ? [] : [type];
  const unknown = types.find((each) => typeof each !== "string" || !typeNames.includes(each));
  if (unknown === undefined) return [];
  const text = `found ${quote(unknown)}${suggestion(unknown, typeNames)}\n${allowedList(typeNames)}`;
  return [{ path: [...path, "type"], text }];
}

/** What JSON Schema allows and no value of an option could pass, or nothing here would check. */
function uncheckable({ path, schema }: Part): readonly Problem[] {
  const faults: Problem[] = [];
  if (Array.isArray(schema.enum) && schema.enum.length === 0)
    faults.push({
      path: [...path, "enum"],
      text: "found []\nallowed: a list of the allowed values, not empty",
    });
  if (typeof schema.format === "string") {
    const text = `formats such as ${quote(schema.format)} are not checked here; use "pattern", and "expects" to say it in words`;
    faults.push({ path: [...path, "format"], text });
  }
  return faults;
}

function strayReference({ path, schema }: Part, root: Schema): readonly Problem[] {
  const { $ref: reference } = schema;
  if (typeof reference !== "string") return [];
  const place = [...path, "$ref"];
  if (/^https?:/.test(reference) && reference !== root.$id) {
    const text = `${quote(reference)} is not fetched\nallowed: references within this schema, such as #/$defs/NAME`;
    return [{ path: place, text }];
  }
  const target = /^#(\/|$)/.test(reference) ? referred(reference, root) : true;
  if (isSchema(target) || typeof target === "boolean") return [];
  const known = Object.keys(isSchema(root.$defs) ? root.$defs : {}).map((name) => `#/$defs/${name}`);
  const text = `${quote(reference)} leads nowhere${suggestion(reference, known)}\n${allowedList(known)}`;
  return [{ path: place, text }];
}

function brokenPatterns({ path, schema }: Part): readonly Problem[] {
  const keys = isSchema(schema.patternProperties) ? Object.keys(schema.patternProperties) : [];
  const patterns: (readonly [DocumentPath, unknown])[] = [
    [[...path, "pattern"], schema.pattern],
    ...keys.map((each) => [[...path, "patternProperties", each], each] as const),
  ];
  return patterns.flatMap(([place, pattern]) => {
    const fault = typeof pattern === "string" ? regExpFault(pattern) : undefined;
    return fault === undefined ? [] : [{ path: place, text: `this is no regular expression: ${fault}` }];
  });
}

function regExpFault(pattern: string): string | undefined {
  try {
    new RegExp(pattern, "u");
    return undefined;
  } catch (error) {
    return messageOf(error).replace("Invalid regular expression: ", "");
  }
}

/** A closed object that requires a key which it does not have can never be given. */
function strayRequired({ path, schema }: Part): readonly Problem[] {
  const { properties, required, additionalProperties } = schema;
  if (!isSchema(properties) || !Array.isArray(required) || additionalProperties !== false) return [];
  const known = Object.keys(properties);
  return required.flatMap((name: unknown, index) => {
    if (typeof name !== "string" || known.includes(name)) return [];
    const text = `${quote(name)} is required, but there is no such property${suggestion(name, known)}`;
    return [{ path: [...path, "required", index], text: `${text}\n${allowedList(known)}` }];
  });
}

function brokenDefaults(parts: readonly Part[], root: Schema): readonly Problem[] {
  const defaults = parts.filter(({ schema }) => "default" in schema);
  if (defaults.length === 0) return [];
  // A part is compiled as a schema of its own here, and a strict ajv refuses the default of a whole schema.
  const ajv = newAjv({ strictSchema: false }).addSchema(root, key);
  return defaults.flatMap(({ path, schema }) => {
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

/** The meta-schema takes far longer to compile than all of ours: it is only asked about what is known to be wrong. */
function metaFaults(schema: Schema): readonly Problem[] {
  const ajv = newAjv({ meta: true });
  return ajv.validate(metaSchema, schema) ? [] : problemsOf(ajv.errors ?? [], {});
}

/** What ajv refuses although it is valid JSON Schema; it says no place, but for the keyword at the beginning. */
function refusal(message: string, parts: readonly Part[]): Problem {
  const text = message.replace(/^strict mode: /, "");
  const ignored = /default is ignored for: (?:.*\.)?(\w+)/.exec(text)?.[1];
  const unfilled = parts.find(({ path, schema }) => path.at(-1) === ignored && "default" in schema);
  if (unfilled !== undefined) {
    const path = [...unfilled.path, "default"];
    return { path, text: "a default inside of oneOf, anyOf, not or if is never filled in" };
  }
  const keyword = /^"?(\w+)"?[: ]/.exec(text)?.[1] ?? "";
  const about = parts.find(({ schema }) => keyword in schema);
  return { path: about === undefined ? [] : [...about.path, keyword], text };
}
