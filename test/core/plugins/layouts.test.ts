import assert from "node:assert/strict";
import { parseSource } from "../../../core/config/source-document.js";
import { checkLayouts } from "../../../core/plugins/layouts.js";
import { checkManifest } from "../../../core/plugins/manifest.js";

const schema = {
  type: "object",
  required: ["offset"],
  properties: { offset: { type: "integer", minimum: 0 }, bytes: { type: "integer", default: 8 } },
};

function check(files: Readonly<Record<string, string>>, changes: object = {}) {
  const manifest = {
    kind: "guest-profile",
    name: "toy",
    version: "1.0.0",
    api: "*",
    description: "A plugin of a test",
    entry: "index.ts",
    layouts: { directory: "layouts", schema: "layout.schema.json" },
    ...changes,
  };
  const source = parseSource("plugin.json", JSON.stringify(manifest), "ERR_PLUGIN_INVALID");
  return checkLayouts(checkManifest(source).manifest, new Map(Object.entries(files)), (path) => `/p/${path}`);
}

function errorOf(files: Readonly<Record<string, string>>, changes: object = {}): string {
  let message = "";
  assert.throws(
    () => check(files, changes),
    (error: Error) => {
      message = error.message;
      return "code" in error && error.code === "ERR_PLUGIN_INVALID";
    },
  );
  return message;
}

const text = JSON.stringify(schema);
const good = '{ "offset": 8 }';

describe("layouts", () => {
  it("are the .json files of their directory, with defaults filled in", () => {
    const files = {
      "layout.schema.json": text,
      "layouts/a.json": good,
      "layouts/10.0/b.json": '{ "offset": 16, "bytes": 4 }',
      "layouts/README.md": "# Layouts",
      "layouts-old/c.json": "{}",
      "index.ts": "export default {}",
    };
    assert.deepEqual(
      [...check(files)],
      [
        ["layouts/10.0/b.json", { offset: 16, bytes: 4 }],
        ["layouts/a.json", { offset: 8, bytes: 8 }],
      ],
    );
  });

  const places: readonly (readonly [directory: string, schemaFile: string])[] = [
    ["./layouts/", "./layout.schema.json"],
    ["layouts", "layouts/layout.schema.json"],
    [".", "layout.schema.json"],
  ];
  for (const [directory, schemaFile] of places) {
    it(`may lie in ${directory}, with their schema in ${schemaFile}`, () => {
      const layouts = { directory, schema: schemaFile };
      const files = { "plugin.json": "{}", [schemaFile.replace("./", "")]: text, "layouts/a.json": good };
      assert.deepEqual([...check(files, { layouts }).keys()], ["layouts/a.json"]);
    });
  }

  it("are none for a policy, and for a profile that names none", () => {
    assert.equal(check({ "layouts/a.json": "{" }, { layouts: undefined }).size, 0);
    assert.equal(check({ "layouts/a.json": "{" }, { layouts: undefined, kind: "policy" }).size, 0);
  });

  it("are told all at once, file by file", () => {
    const message = errorOf({
      "layout.schema.json": text,
      "layouts/a.json": '{ "offset": -1,\n  "bytes": "8" }',
      "layouts/b.json": "{",
      "layouts/c.json": good,
      "layouts/d.json": "[]",
    });
    const heads = message.split("\n").filter((line) => /^\S/.test(line));
    assert.deepEqual(heads, [
      "2 errors in /p/layouts/a.json:",
      "/p/layouts/b.json is not valid JSON:",
      "1 error in /p/layouts/d.json:",
      "the layout schema that plugin.json names says what a layout file holds [ERR_PLUGIN_INVALID]",
    ]);
  });

  it("need their schema, under the name that the manifest gives", () => {
    const message = errorOf({ "layouts.schema.json": text, "layouts/a.json": good });
    assert.match(message, /plugin "toy" has no file "layout\.schema\.json"/);
    assert.match(message, /did you mean "layouts\.schema\.json"\?/);
  });

  it("are missed when there is none", () => {
    assert.match(errorOf({ "layout.schema.json": text }), /plugin "toy" has no \.json file in "layouts"/);
  });

  it("are not compared with a schema that is wrong itself", () => {
    const wrong = JSON.stringify({ ...schema, requird: [] });
    const message = errorOf({ "layout.schema.json": wrong, "layouts/a.json": "{}" });
    assert.match(message, /^1 error in \/p\/layout\.schema\.json:\n.*\/requird\n/);
    assert.doesNotMatch(message, /layouts\/a\.json/);
  });

  it("have a schema that is an object", () => {
    assert.match(
      errorOf({ "layout.schema.json": "true", "layouts/a.json": good }),
      /found true\n {4}allowed: a JSON Schema/,
    );
  });
});
