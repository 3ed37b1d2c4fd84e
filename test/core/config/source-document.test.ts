import assert from "node:assert/strict";
import fc from "fast-check";
import { parseSource, pointer, tryParseSource } from "../../../core/config/source-document.js";

const yaml = `# first line
log:
  level: info
policies:
  - name: a
  - { name: b, "x/y~z": 1 }
`;
const json = `{
  "policies": [
    { "name": "a" },
    { "name": "b", "x/y~z": 1 }
  ]
}
`;

describe("a source document", () => {
  const cases: readonly (readonly [
    text: string,
    file: string,
    path: readonly (string | number)[],
    place: string,
  ])[] = [
    [yaml, "c.yaml", [], "2:1"],
    [yaml, "c.yaml", ["log"], "2:1"],
    [yaml, "c.yaml", ["log", "level"], "3:3"],
    [yaml, "c.yaml", ["log", "missing"], "2:1"],
    [yaml, "c.yaml", ["policies", 1], "6:5"],
    [yaml, "c.yaml", ["policies", "1", "name"], "6:7"],
    [yaml, "c.yaml", ["policies", 1, "x/y~z"], "6:16"],
    [json, "p.json", [], "1:1"],
    [json, "p.json", ["policies", 0], "3:5"],
    [json, "p.json", ["policies", 1, "x/y~z"], "4:20"],
    [json, "p.json", ["nothing", "of", "that"], "1:1"],
    ["\uFEFF" + json, "p.json", ["policies"], "2:3"],
    [json.replaceAll("\n", "\r\n"), "p.json", ["policies", 0], "3:5"],
  ];
  for (const [text, file, path, place] of cases) {
    it(`knows that ${pointer(path)} of ${file} stands at ${place}`, () => {
      assert.equal(parseSource(file, text, "ERR_CONFIG_INVALID").position(path), `${file}:${place}`);
    });
  }

  for (const deep of ["[", "{a: ", "- ", "? "]) {
    it(`refuses ${JSON.stringify(deep)} nested without end, and lives`, () => {
      const parse = () => parseSource("c.yaml", deep.repeat(20_000), "ERR_CONFIG_INVALID");
      assert.throws(parse, { code: "ERR_CONFIG_INVALID", message: /nested more than 100 levels deep/ });
    });
  }

  it("is parsed or refused with a place, whatever has been done to the text", () => {
    const pieces = [...Array.from(" \n\t:-,[]{}\"'&*!|>%@`#?\\"), "- ", ": ", "*a ", "&a ", "<<: ", "---\n"];
    const piece = fc.constantFrom(...pieces);
    const edit = fc.tuple(fc.nat(), fc.nat(4), piece);
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 8 }), (edits) => {
        let text = yaml;
        for (const [at, length, inserted] of edits) {
          const from = at % (text.length + 1);
          text = text.slice(0, from) + inserted + text.slice(from + length);
        }
        const parsed = tryParseSource("c.yaml", text);
        if (typeof parsed === "string")
          assert.match(parsed, /^c\.yaml is not valid YAML:\n( {2}c\.yaml:\d+:\d+\n {4}\S.*\n?)+$/);
        else JSON.stringify(parsed.value);
      }),
      {
        numRuns: 3000,
        // A pair without braces in a list that is not closed begins with a line's end here.
        examples: [
          [
            [
              [0, 4, " "],
              [116559035, 3, "?"],
              [0, 0, "["],
              [0, 0, " "],
            ],
          ],
        ],
      },
    );
  });

  it("tells no more problems than can be read, and how many there are", () => {
    const source = parseSource("c.yaml", yaml, "ERR_CONFIG_INVALID");
    const problems = Array.from({ length: 100_000 }, (_, index) => ({
      path: ["log"],
      text: `problem ${index}`,
    }));
    const report = source.report(problems);
    assert.match(report, /^100000 errors in c\.yaml:\n/);
    assert.match(report, /\n {2}and 99950 more$/);
    assert.equal(report.split("\n").length, 1 + 50 * 2 + 1);
  });
});
