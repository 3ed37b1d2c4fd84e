import type { ErrorObject } from "ajv/dist/2020.js";
import { isSchema, referred, type Schema } from "./schema-words.js";

const typing = new Set(["type", "const", "enum"]);

/**
 * Errors with those of `anyOf` and `oneOf` sorted out. ajv tells what is wrong with each alternative; an operator meant
 * one of them. Alternatives for another type of value are left out; of the rest the one that fits best is told, and
 * when none is left, the `anyOf` or `oneOf` itself, which then stands for what all of them allow.
 */
export function alternativeErrors(errors: readonly ErrorObject[], root: Schema): ErrorObject[] {
  let left = [...errors];
  for (const wrapper of errors) {
    if (wrapper.keyword !== "anyOf" && wrapper.keyword !== "oneOf") continue;
    const branches = wrapper.schema as readonly unknown[];
    const groups = branches.map((branch, index) => {
      const places = [
        `${wrapper.schemaPath}/${index}/`,
        ...references(branch, root).map((each) => `${each}/`),
      ];
      return left.filter((error) => error !== wrapper && concerns(error, wrapper, places));
    });
    const meant = groups
      .filter((group) => group.length > 0 && !group.some((error) => isOtherType(error, wrapper)))
      .sort((a, b) => a.length - b.length)[0];
    const dropped = new Set(groups.flat());
    if (meant !== undefined) dropped.add(wrapper);
    for (const error of meant ?? []) dropped.delete(error);
    left = left.filter((error) => !dropped.has(error));
  }
  return left;
}

function concerns(error: ErrorObject, wrapper: ErrorObject, places: readonly string[]): boolean {
  const below =
    error.instancePath === wrapper.instancePath || error.instancePath.startsWith(`${wrapper.instancePath}/`);
  return below && places.some((place) => error.schemaPath.startsWith(place));
}

function isOtherType(error: ErrorObject, wrapper: ErrorObject): boolean {
  return typing.has(error.keyword) && error.instancePath === wrapper.instancePath;
}

/** All references that a schema makes, also by way of others. */
function references(schema: unknown, root: Schema, found = new Set<string>()): readonly string[] {
  if (Array.isArray(schema)) for (const each of schema) references(each, root, found);
  else if (isSchema(schema)) {
    for (const [key, value] of Object.entries(schema)) {
      if (key === "$ref" && typeof value === "string" && !found.has(value)) {
        found.add(value);
        references(referred(value, root), root, found);
      } else references(value, root, found);
    }
  }
  return [...found];
}
