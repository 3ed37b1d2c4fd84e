import assert from "node:assert/strict";
import { parseSource } from "../../../core/config/source-document.js";
import { manifestSchema } from "../../../core/plugins/manifest-schema.js";
import {
  checkManifest,
  pluginApiVersion,
  type GuestProfileManifest,
  type Manifest,
  type PolicyManifest,
} from "../../../core/plugins/manifest.js";
import { assertPublished } from "../../published-schema.js";

const sound = {
  kind: "policy",
  name: "fair",
  version: "1.0.0",
  api: "*",
  description: "A plugin of a test",
  entry: "index.ts",
};

function check(changes: object) {
  const text = JSON.stringify({ ...sound, ...changes }, null, 2);
  return checkManifest(parseSource("plugin.json", text, "ERR_PLUGIN_INVALID"));
}

describe("a manifest", () => {
  it("has the type of its kind", () => {
    const describe = (manifest: Manifest): string => {
      // Each line compiles only if the types follow the schema.
      const { name, options }: { name: string; options?: object } = manifest;
      if (manifest.kind === "policy") {
        const policy: PolicyManifest = manifest;
        return `${policy.kind} ${name} ${typeof options}`;
      }
      const profile: GuestProfileManifest = manifest;
      return `${profile.kind} ${profile.layouts?.directory} ${profile.capabilities?.join()}`;
    };
    assert.equal(describe(check({}).manifest), "policy fair undefined");
    const layouts = { directory: "layouts", schema: "layout.schema.json" };
    const profile = check({ kind: "guest-profile", layouts, capabilities: ["hold"] }).manifest;
    assert.equal(describe(profile), "guest-profile layouts hold");
  });

  for (const entry of ["index.js", "index.ts", "./index.ts", "src/policy.js", "a..b.ts", "d.ts"]) {
    it(`may have the entry ${entry}`, () => {
      assert.equal(check({ entry }).manifest.entry, entry);
    });
  }

  for (const entry of [
    "",
    ".ts/",
    "index",
    "../index.ts",
    "src/../../index.ts",
    "/index.ts",
    "a\\b.ts",
    "a.d.ts",
  ]) {
    it(`may not have the entry ${JSON.stringify(entry)}`, () => {
      assert.throws(() => check({ entry }), { code: "ERR_PLUGIN_INVALID", message: /\/entry\n/ });
    });
  }

  for (const api of [`^${pluginApiVersion}`, pluginApiVersion, "*", ">=0.0.1 <1"]) {
    it(`may want API ${api}`, () => {
      assert.equal(check({ api }).manifest.api, api);
    });
  }

  it("that wants another API is told apart, whatever else is new in it", () => {
    assert.throws(() => check({ api: "^99.0.0", hooks: [], entry: 3 }), {
      code: "ERR_PLUGIN_API",
      message:
        /plugin\.json:5:3 \/api\n {4}plugin "fair" wants plugin API \^99\.0\.0; this vmmsched has 0\.1\.0\n/,
    });
  });

  it("without options takes none", () => {
    const { checkOptions } = check({});
    assert.deepEqual(checkOptions({}), []);
    assert.deepEqual(checkOptions({ a: 1, b: 2 }), [
      { path: [], text: 'plugin "fair" takes no options; found a and b' },
    ]);
  });

  it("may say in words what an option allows", () => {
    const hour = { type: "string", pattern: "^\\d\\d:\\d\\d$", expects: "a time of day, such as 22:30" };
    const { checkOptions } = check({ options: { type: "object", properties: { hour } } });
    assert.deepEqual(checkOptions({ hour: "22h" }), [
      { path: ["hour"], text: 'found "22h"\nallowed: a time of day, such as 22:30' },
    ]);
  });

  it("may refer to itself and to JSON Schema in its options", () => {
    const options = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $id: "https://example.org/fair",
      type: "object",
      properties: { group: { $ref: "#/$defs/group" } },
      $defs: {
        group: {
          type: "object",
          properties: { group: { $ref: "#/$defs/group" }, size: { type: "integer", default: 1 } },
        },
      },
    };
    const given = { group: { group: {} } };
    assert.deepEqual(check({ options }).checkOptions(given), []);
    assert.deepEqual(given, { group: { group: { size: 1 }, size: 1 } });
  });

  it("has a schema for editors, docs/plugin.schema.json", () =>
    assertPublished("docs/plugin.schema.json", manifestSchema));
});
