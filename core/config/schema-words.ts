import { listed, quote } from "./wording.js";

/** A JSON Schema, or a part of one. */
export type Schema = Readonly<Record<string, unknown>>;

export function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What a schema allows, in words: its own `expects`, or what its keywords say. References are followed within `root`.
 */
export function allowedBy(schema: unknown, root: Schema): string {
  const meant = resolve(schema, root);
  if (meant === undefined) return "anything";
  if (typeof meant.expects === "string") return meant.expects;
  if (Array.isArray(meant.enum)) return meant.enum.map(plain).join(", ");
  if ("const" in meant) return plain(meant.const);
  const branches = [meant.anyOf, meant.oneOf].find(Array.isArray);
  if (meant.type === undefined && branches !== undefined)
    return [...new Set(branches.map((branch) => allowedBy(branch, root)))].join("; or ");
  const types = typesOf(meant);
  if (types.length === 0) return unclassified(meant);
  return types.map((type) => allowedOfType(type, meant, root)).join("; or ");
}

/** What a key is for, where its schema says so. */
export function descriptionOf(schema: unknown, root: Schema): string | undefined {
  if (isSchema(schema) && typeof schema.description === "string") return schema.description;
  const meant = resolve(schema, root)?.description;
  return typeof meant === "string" ? meant : undefined;
}

export function typesOf(schema: Schema): readonly string[] {
  return (Array.isArray(schema.type) ? schema.type : [schema.type]).filter(
    (type): type is string => typeof type === "string",
  );
}

/** The schema that a reference within the document leads to; at most a few in a row, as they may go round in circles. */
function resolve(schema: unknown, root: Schema): Schema | undefined {
  let meant = schema;
  for (let hops = 0; hops < 8 && isSchema(meant) && typeof meant.$ref === "string"; hops++)
    meant = referred(meant.$ref, root);
  return isSchema(meant) ? meant : undefined;
}

/** What a reference of the form `#/$defs/name` leads to. */
export function referred(reference: string, root: Schema): unknown {
  if (reference === "#") return root;
  if (!reference.startsWith("#/")) return undefined;
  let found: unknown = root;
  for (const part of reference.slice(2).split("/")) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    found = typeof found === "object" && found !== null ? (found as Schema)[key] : undefined;
  }
  return found;
}

function allowedOfType(type: string, schema: Schema, root: Schema): string {
  switch (type) {
    case "integer":
      return withLimits("a whole number", numberLimits(schema));
    case "number":
      return withLimits("a number", numberLimits(schema));
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    case "string":
      return withLimits("a text", textLimits(schema));
    case "array":
      return withLimits("a list", listLimits(schema)) + itemWords(schema, root);
    default:
      return objectWords(schema, root);
  }
}

function unclassified(schema: Schema): string {
  const limits = [...numberLimits(schema), ...textLimits(schema), ...listLimits(schema)];
  return limits.length === 0 ? "something else" : limits.join(", ");
}

function withLimits(noun: string, limits: readonly string[]): string {
  return [noun, ...limits].join(", ");
}

function numberLimits(schema: Schema): readonly string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const limits: string[] = [];
  if (minimum !== undefined && maximum !== undefined) limits.push(`${quote(minimum)} to ${quote(maximum)}`);
  else if (minimum !== undefined) limits.push(`at least ${quote(minimum)}`);
  else if (maximum !== undefined) limits.push(`at most ${quote(maximum)}`);
  if (exclusiveMinimum !== undefined) limits.push(`more than ${quote(exclusiveMinimum)}`);
  if (exclusiveMaximum !== undefined) limits.push(`less than ${quote(exclusiveMaximum)}`);
  if (multipleOf !== undefined) limits.push(`in steps of ${quote(multipleOf)}`);
  return limits;
}

function textLimits({ minLength, maxLength, pattern, format }: Schema): readonly string[] {
  const limits: string[] = [];
  if (minLength === 1) limits.push("not empty");
  else if (minLength !== undefined) limits.push(`at least ${quote(minLength)} characters`);
  if (maxLength !== undefined) limits.push(`at most ${quote(maxLength)} characters`);
  if (typeof pattern === "string") limits.push(`of the form ${pattern}`);
  if (typeof format === "string") limits.push(`of the format ${format}`);
  return limits;
}

function itemWords({ items }: Schema, root: Schema): string {
  return isSchema(items) ? `; each item: ${allowedBy(items, root)}` : "";
}

function listLimits({ minItems, maxItems, uniqueItems }: Schema): readonly string[] {
  const limits: string[] = [];
  if (minItems === 1) limits.push("not empty");
  else if (minItems !== undefined) limits.push(`at least ${quote(minItems)} items`);
  if (maxItems !== undefined) limits.push(`at most ${quote(maxItems)} items`);
  if (uniqueItems === true) limits.push("without repetitions");
  return limits;
}

function objectWords({ properties, additionalProperties }: Schema, root: Schema): string {
  const keys = isSchema(properties) ? Object.keys(properties) : [];
  if (keys.length > 0) return `an object with ${keys.length === 1 ? "the key" : "the keys"} ${listed(keys)}`;
  if (additionalProperties === false) return "an empty object";
  if (isSchema(additionalProperties))
    return `an object; each value: ${allowedBy(additionalProperties, root)}`;
  return "an object";
}

function plain(value: unknown): string {
  return typeof value === "string" && value !== "" ? value : quote(value);
}
