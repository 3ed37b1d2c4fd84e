import { Ajv2020, type Options, type ValidateFunction } from "ajv/dist/2020.js";
import { problemsOf } from "./schema-problem.js";
import type { Schema } from "./schema-words.js";
import type { Problem } from "./source-document.js";

/** A compiled JSON Schema. It fills defaults into the value it is given, and returns every problem it finds. */
export type SchemaCheck = (value: unknown) => readonly Problem[];

/** The check of a sound JSON Schema (2020-12). It is compiled when it is first needed, which takes a while. */
export function schemaCheck(schema: object): SchemaCheck {
  return (value) => {
    const validate = compiledSchema(schema);
    return validate(value) ? [] : problemsOf(validate.errors ?? [], schema as Schema);
  };
}

const compiled = new WeakMap<object, ValidateFunction>();

/** Compiled once, for as long as the schema is kept. Throws what ajv says of one that is not sound. */
export function compiledSchema(schema: object): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const validate = newAjv().compile(schema);
  compiled.set(schema, validate);
  return validate;
}

/**
 * An own instance each: the schemas of different plugins may use the same `$id`, and none outlives its plugin. The
 * meta-schema, which takes far longer to compile than all of ours, is only there for those who ask for it.
 *
 * `expects` is a keyword of our own: what a schema allows in words, for messages.
 */
export function newAjv(options: Options = {}): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    useDefaults: true,
    verbose: true,
    discriminator: true,
    strictTypes: false,
    strictTuples: false,
    logger: false,
    meta: false,
    validateSchema: false,
    // Checks are asked a few times each: making their code better takes longer than it saves.
    code: { optimize: false },
    ...options,
  });
  ajv.addKeyword({ keyword: "expects", schemaType: "string" });
  return ajv;
}
