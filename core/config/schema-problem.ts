import type { ErrorObject } from "ajv/dist/2020.js";
import { nearest } from "./nearest.js";
import { alternativeErrors } from "./schema-alternatives.js";
import { allowedBy, descriptionOf, isSchema, typesOf, type Schema } from "./schema-words.js";
import { pointer, type DocumentPath, type Problem } from "./source-document.js";
import { allowedList, quote, suggestion } from "./wording.js";

/** Errors that only repeat what others say. */
const wrappers = new Set(["if", "propertyNames"]);

/** What ajv found (with `verbose` and `allErrors`), in words for the operator: one problem for each mistake. */
export function problemsOf(errors: readonly ErrorObject[], root: Schema): readonly Problem[] {
  const telling = alternativeErrors(errors, root).filter(({ keyword }) => !wrappers.has(keyword));
  const misspelt = new Set(telling.map(misspeltKey));
  const problems = new Map<string, Problem>();
  for (const error of telling.sort((a, b) => weight(a) - weight(b))) {
    if (error.keyword === "required" && misspelt.has(keyOf(error.instancePath, error.params.missingProperty)))
      continue;
    const problem = problemOf(error, root);
    const place = JSON.stringify([problem.path, missingOf(error)]);
    if (!problems.has(place)) problems.set(place, problem);
  }
  return [...problems.values()];
}

/** Problems of several checks: the same mistake may break the rules of more than one. */
export function firstOfEachPlace(problems: readonly Problem[]): readonly Problem[] {
  const told = new Set<string>();
  return problems.filter(({ path, text }) => {
    const place = text.startsWith("missing key") ? `${pointer(path)} ${text}` : pointer(path);
    return !told.has(place) && told.add(place);
  });
}

/** Of several errors on one value, the first in this order is told: a text that is no number is also out of range. */
function weight({ keyword }: ErrorObject): number {
  const order = ["type", "enum", "const"].indexOf(keyword);
  return order >= 0 ? order : keyword === "discriminator" ? 4 : 3;
}

/** A key that is missing has no place of its own. */
function missingOf({ keyword, params }: ErrorObject): unknown {
  if (keyword === "discriminator" && params.tagValue === undefined) return params.tag as unknown;
  return params.missingProperty;
}

/** The key that an unknown one is most likely meant to be: it is not reported as missing as well. */
function misspeltKey(error: ErrorObject): string | undefined {
  if (error.keyword !== "additionalProperties") return undefined;
  const near = nearest(String(error.params.additionalProperty), propertiesOf(error.parentSchema));
  return near === undefined ? undefined : keyOf(error.instancePath, near);
}

function keyOf(instancePath: string, key: unknown): string {
  return `${instancePath}/${String(key)}`;
}

function problemOf(error: ErrorObject, root: Schema): Problem {
  const path = pathOf(error.instancePath);
  const schema = error.parentSchema ?? {};
  const params = error.params as Schema;
  if (error.propertyName !== undefined) {
    const found = `found the key ${quote(error.propertyName)}`;
    return {
      path: [...path, error.propertyName],
      text: `${found}\n${allowedList([allowedBy(schema, root)])}`,
    };
  }
  switch (error.keyword) {
    case "additionalProperties":
    case "unevaluatedProperties":
      return unknownKey(path, String(params.additionalProperty ?? params.unevaluatedProperty), schema);
    case "required":
      return missingKey(path, String(params.missingProperty), schema, root);
    case "dependentRequired": {
      const missing = missingKey(path, String(params.missingProperty), schema, root);
      return { path, text: `${missing.text}\nit must be there when ${quote(params.property)} is` };
    }
    case "uniqueItems":
      return {
        path: [...path, Number(params.i)],
        text: `found ${quote((error.data as readonly unknown[])[Number(params.i)])} a second time in this list`,
      };
    case "enum":
    case "const": {
      const allowed = (params.allowedValues ?? [params.allowedValue]) as readonly unknown[];
      const texts = allowed.filter((value) => typeof value === "string");
      return { path, text: foundInstead(error, suggestion(error.data, texts), schema, root) };
    }
    case "discriminator":
      return unknownKind(path, params, schema);
    case "type":
      return { path, text: foundInstead(error, correction(error, schema), schema, root) };
    case "oneOf":
      if (Array.isArray(params.passingSchemas))
        return { path, text: `found ${shown(error.data)}, which fits more than one of the alternatives` };
      break;
    case "not":
    case "false schema":
      return { path, text: `found ${shown(error.data)}, which is not allowed here` };
  }
  return { path, text: foundInstead(error, "", schema, root) };
}

function unknownKey(path: DocumentPath, key: string, schema: Schema): Problem {
  const allowed = propertiesOf(schema);
  const text = `unknown key ${quote(key)}${suggestion(key, allowed)}`;
  // Keys that unevaluatedProperties leaves over may be described anywhere: only a closed object lists all of its own.
  const list = schema.additionalProperties === false ? `\n${allowedList(allowed)}` : "";
  return { path: [...path, key], text: text + list };
}

function missingKey(path: DocumentPath, key: string, schema: Schema, root: Schema): Problem {
  const property = isSchema(schema.properties) ? schema.properties[key] : undefined;
  const description = descriptionOf(property, root);
  const meaning = description === undefined ? "" : ` (${description})`;
  const allowed = property === undefined ? "" : `\n${allowedList([allowedBy(property, root)])}`;
  return { path, text: `missing key ${quote(key)}${meaning}${allowed}` };
}

/** ajv names neither the allowed values of a discriminating key nor the key's place. */
function unknownKind(path: DocumentPath, { tag, tagValue }: Schema, schema: Schema): Problem {
  const key = String(tag);
  const branches = (schema.oneOf as readonly Schema[]).filter(isSchema);
  const allowed = branches.flatMap(({ properties }) => {
    const kind = isSchema(properties) ? properties[key] : undefined;
    return isSchema(kind) ? ((kind.enum ?? [kind.const]) as readonly string[]) : [];
  });
  if (tagValue === undefined) return { path, text: `missing key ${quote(key)}\n${allowedList(allowed)}` };
  const found = `found ${shown(tagValue)}${suggestion(tagValue, allowed)}`;
  return { path: [...path, key], text: `${found}\n${allowedList(allowed)}` };
}

function foundInstead({ data }: ErrorObject, hint: string, schema: Schema, root: Schema): string {
  return `found ${shown(data)}${hint}\n${allowedList([allowedBy(schema, root)])}`;
}

/** What a value of the wrong type was most likely meant to be: without its quotes, in decimal, or in a list. */
function correction({ data, instancePath }: ErrorObject, schema: Schema): string {
  const types = typesOf(schema);
  const isScalar = ["string", "number", "boolean"].includes(typeof data);
  if (types.includes("array") && isScalar && canHold(schema.items, data))
    return `; did you mean a list, ${quote([data])}?`;
  if (data === null && types.includes("array")) return "; an empty list is written []";
  if (data === null && types.includes("object") && instancePath !== "")
    return "; an empty object is written {}";
  if (typeof data !== "string") return "";
  if (instancePath === "" && types.includes("object") && /^[\w$]+:\S/.test(data))
    return "; is a space missing after the colon?";
  const unquoted = types.some((type) => unquotedForms[type]?.test(data));
  if (unquoted) return `; did you mean ${data}, without quotes?`;
  const isNumber = types.includes("integer") || types.includes("number");
  return isNumber && /^0x[0-9a-f]+$/i.test(data) ? `; did you mean ${Number(data)}?` : "";
}

const unquotedForms: Readonly<Record<string, RegExp>> = {
  boolean: /^(true|false)$/,
  integer: /^-?\d+$/,
  number: /^-?\d+(\.\d+)?$/,
};

function canHold(items: unknown, data: unknown): boolean {
  if (!isSchema(items)) return false;
  return Array.isArray(items.enum) ? items.enum.includes(data) : typesOf(items).includes(typeof data);
}

function shown(value: unknown): string {
  return value === null ? "no value (null)" : quote(value);
}

function propertiesOf(schema: ErrorObject["parentSchema"]): readonly string[] {
  return Object.keys((schema?.properties ?? {}) as object);
}

/** Parts of a JSON pointer; list indices stay strings, which the document accepts as well. */
function pathOf(instancePath: string): DocumentPath {
  const parts = instancePath.split("/").slice(1);
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}
