import type { ErrorObject } from "ajv/dist/2020.js";
import { alternativeErrors } from "./schema-alternatives.js";
import { allowedBy, descriptionOf, isSchema, typesOf, type Schema } from "./schema-words.js";
import type { DocumentPath, Problem } from "./source-document.js";
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
  const near = /"(.*)"/.exec(suggestion(error.params.additionalProperty, propertiesOf(error.parentSchema)));
  return near === null ? undefined : keyOf(error.instancePath, near[1]);
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
      return { path, text: foundInstead(error, correction(error.data, schema), schema, root) };
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
  const text = `unknown key ${quote(key)}${suggestion(key, allowed)}\n${allowedList(allowed)}`;
  return { path: [...path, key], text };
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

/** What a value of the wrong type was most likely meant to be: without its quotes, or in a list. */
function correction(data: unknown, schema: Schema): string {
  const types = typesOf(schema);
  if (typeof data === "string") {
    const fits = types.some((type) =>
      type === "boolean" ? /^(true|false)$/.test(data) : isNumeric(type, data),
    );
    if (fits) return `; did you mean ${data}, without quotes?`;
  }
  const { items } = schema;
  const single = types.includes("array") && isSchema(items) && typesOf(items).includes(typeof data);
  return single ? `; did you mean a list, ${quote([data])}?` : "";
}

function isNumeric(type: string, data: string): boolean {
  return /^-?\d+$/.test(data)
    ? type === "integer" || type === "number"
    : type === "number" && /^-?\d+\.\d+$/.test(data);
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
