import assert from "node:assert/strict";
import { schemaCheck } from "../../../core/config/schema-check.js";
import { schemaFaults } from "../../../core/config/schema-soundness.js";
import { pointer } from "../../../core/config/source-document.js";

const text = { type: "string" };
const pattern = {
  type: "object",
  additionalProperties: false,
  required: ["process"],
  properties: { process: text },
};
const byKind = {
  discriminator: { propertyName: "kind" },
  oneOf: [
    { required: ["kind"], properties: { kind: { const: "hours" }, from: { type: "integer" } } },
    { required: ["kind"], properties: { kind: { enum: ["load", "idle"] }, percent: { type: "number" } } },
  ],
};

function told(schema: object, value: unknown): readonly string[] {
  return schemaCheck(schema)(value).map(
    (problem) => `${pointer(problem.path)}: ${problem.text.replace("\n", " | ")}`,
  );
}

describe("a value is checked by its schema", () => {
  const cases: readonly (readonly [
    title: string,
    schema: object,
    value: unknown,
    said: readonly string[],
  ])[] = [
    [
      "one type of several",
      { type: ["integer", "string"] },
      true,
      ["/: found true | allowed: a whole number; or a text"],
    ],
    ["at least", { type: "number", minimum: 1 }, 0, ["/: found 0 | allowed: a number, at least 1"]],
    ["at most", { type: "number", maximum: 1 }, 2, ["/: found 2 | allowed: a number, at most 1"]],
    [
      "between, ends left out",
      { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 },
      0,
      ["/: found 0 | allowed: a number, more than 0, less than 1"],
    ],
    ["steps", { type: "integer", multipleOf: 4 }, 6, ["/: found 6 | allowed: a whole number, in steps of 4"]],
    ["a fixed value", { const: 1 }, 2, ["/: found 2 | allowed: 1"]],
    [
      "number of items",
      { type: "array", minItems: 2, maxItems: 3 },
      [1],
      ["/: found [1] | allowed: a list, at least 2 items, at most 3 items"],
    ],
    [
      "length",
      { type: "string", minLength: 2, maxLength: 4 },
      "a",
      ['/: found "a" | allowed: a text, at least 2 characters, at most 4 characters'],
    ],
    [
      "no keys at all",
      { type: "object", additionalProperties: false },
      { a: 1 },
      ['/a: unknown key "a" | allowed: nothing'],
    ],
    [
      "keys that come together",
      { properties: { b: text }, dependentRequired: { a: ["b"] } },
      { a: 1 },
      ['/: missing key "b" | allowed: a text\nit must be there when "a" is'],
    ],
    ["what is forbidden", { not: { const: 1 } }, 1, ["/: found 1, which is not allowed here"]],
    [
      "a key that is forbidden",
      { properties: { a: false } },
      { a: 1 },
      ["/a: found 1, which is not allowed here"],
    ],
    [
      "alternatives, none meant",
      { anyOf: [text, pattern] },
      1,
      ["/: found 1 | allowed: a text; or an object with the key process"],
    ],
    [
      "alternatives, one meant",
      { anyOf: [text, pattern] },
      { proces: "x" },
      ['/proces: unknown key "proces"; did you mean "process"? | allowed: process'],
    ],
    [
      "alternatives by reference",
      { anyOf: [text, { $ref: "#/$defs/pattern" }], $defs: { pattern } },
      { process: 1 },
      ["/process: found 1 | allowed: a text"],
    ],
    [
      "alternatives in a list",
      { type: "array", items: { oneOf: [text, pattern] } },
      ["x", 1, { process: 1 }],
      [
        "/1: found 1 | allowed: a text; or an object with the key process",
        "/2/process: found 1 | allowed: a text",
      ],
    ],
    [
      "alternatives within alternatives",
      { anyOf: [{ type: "array", items: { anyOf: [text, pattern] } }, text] },
      [{}],
      ['/0: missing key "process" | allowed: a text'],
    ],
    [
      "alternatives, two that fit",
      { oneOf: [{ type: "number" }, { type: "integer" }] },
      1,
      ["/: found 1, which fits more than one of the alternatives"],
    ],
    [
      "alternatives by a key, another word",
      byKind,
      { kind: "hour" },
      ['/kind: found "hour"; did you mean "hours"? | allowed: hours, load, idle'],
    ],
    ["alternatives by a key, no word", byKind, { kind: 1 }, ["/kind: found 1 | allowed: hours, load, idle"]],
    ["alternatives by a key, no key", byKind, {}, ['/: missing key "kind" | allowed: hours, load, idle']],
    [
      "alternatives by a key, the one",
      byKind,
      { kind: "idle", percent: "5" },
      ['/percent: found "5"; did you mean 5, without quotes? | allowed: a number'],
    ],
    [
      "a condition",
      { if: { properties: { a: { const: 1 } } }, then: { required: ["b"] } },
      { a: 1 },
      ['/: missing key "b"'],
    ],
    [
      "names of keys",
      { propertyNames: { pattern: "^[a-z]+$", expects: "small letters" } },
      { A: 1, b: 2 },
      ['/A: found the key "A" | allowed: small letters'],
    ],
    [
      "keys with odd characters",
      { properties: { "a/b~c": text } },
      { "a/b~c": 1 },
      ["/a~1b~0c: found 1 | allowed: a text"],
    ],
    [
      "keys left over",
      { allOf: [{ properties: { a: text } }], unevaluatedProperties: false },
      { a: "x", b: 1 },
      ['/b: unknown key "b"'],
    ],
    ["two missing keys", { required: ["a", "b"] }, {}, ['/: missing key "a"', '/: missing key "b"']],
    [
      "a value that breaks several rules",
      { type: "string", minLength: 3, pattern: "^x", enum: ["xyz"] },
      "a",
      ['/: found "a" | allowed: xyz'],
    ],
  ];
  for (const [title, schema, value, said] of cases) {
    it(title, () => {
      assert.deepEqual(schemaFaults(schema as Record<string, unknown>), []);
      assert.deepEqual([...told(schema, value)].sort(), said);
    });
  }
});
