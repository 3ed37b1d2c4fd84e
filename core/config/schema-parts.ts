import { isSchema, type Schema } from "./schema-words.js";
import type { DocumentPath } from "./source-document.js";

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

/** What stands in a schema where a schema is expected, and its place. */
export interface SchemaPart {
  readonly path: DocumentPath;
  readonly value: unknown;
}

/** A schema and all schemas within it. */
export function* schemaParts(value: unknown, path: DocumentPath = []): Generator<SchemaPart> {
  yield { path, value };
  if (!isSchema(value)) return;
  for (const [inner, part] of children(value)) yield* schemaParts(part, [...path, ...inner]);
}

function children(schema: Schema): readonly (readonly [DocumentPath, unknown])[] {
  const own = single.filter((keyword) => keyword in schema).map((each) => [[each], schema[each]] as const);
  const listed = several.flatMap((keyword) => {
    const list = schema[keyword];
    return Array.isArray(list) ? list.map((each: unknown, index) => [[keyword, index], each] as const) : [];
  });
  const byName = named.flatMap((keyword) => {
    const map = schema[keyword];
    return isSchema(map) ? Object.entries(map).map(([name, each]) => [[keyword, name], each] as const) : [];
  });
  return [...own, ...listed, ...byName];
}
