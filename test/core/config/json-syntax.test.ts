import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonFault } from "../../../core/config/json-syntax.js";

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("the syntax of JSON", () => {
  it("is right in whatever is written as JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 2, "\t"), (value, indent) => {
        assert.equal(jsonFault(JSON.stringify(value, null, indent)), undefined);
      }),
    );
  });

  it("is right or wrong as JSON.parse says, after any edit; the place is in the text", () => {
    const piece = fc.constantFrom(
      "",
      " ",
      ",",
      ":",
      "{",
      "}",
      "[",
      "]",
      '"',
      "\\",
      "0",
      "-",
      ".",
      "e",
      "1",
      "true",
      "\n",
      "x",
      "/",
      "\u0001",
    );
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 3 }),
        fc.nat(),
        fc.nat(3),
        piece,
        (value, at, length, inserted) => {
          const text = JSON.stringify(value);
          const from = at % (text.length + 1);
          const edited = text.slice(0, from) + inserted + text.slice(from + length);
          const fault = jsonFault(edited);
          if (fault?.text.includes("stands twice") === true) return;
          assert.equal(fault === undefined, parses(edited), `${edited}: ${fault?.text}`);
          if (fault !== undefined) assert.ok(fault.offset >= 0 && fault.offset <= edited.length);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("has its limits: depth, and keys that stand twice", () => {
    assert.equal(jsonFault("[".repeat(100) + "]".repeat(100)), undefined);
    assert.match(jsonFault("[".repeat(100_000))?.text ?? "", /nested more than 100 levels deep/);
    assert.deepEqual(jsonFault('{ "a": 1,\n  "a": 2 }'), {
      offset: 12,
      text: 'the key "a" stands twice in one object; first in line 1',
    });
    assert.equal(jsonFault('{ "a": { "a": 1 }, "b": [{ "a": 1 }, { "a": 1 }] }'), undefined);
  });
});
