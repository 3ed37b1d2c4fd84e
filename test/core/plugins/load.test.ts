import assert from "node:assert/strict";
import { loadPlugin, loadPlugins } from "../../../core/plugins/load.js";
import { inRepository } from "../../repository.js";
import { PluginFolder } from "./plugin-folder.js";

const sound = "export default { decide: () => [] };";

describe("plugins", () => {
  it("that come with vmmsched are valid", async () => {
    const plugins = await loadPlugins([inRepository("dist/plugins"), inRepository("dist/guest-profiles")]);
    assert.ok(plugins.some(({ manifest }) => manifest.name === "idle-only"));
  });

  it("are the subfolders with a plugin.json, in order of their names", async () => {
    using folder = new PluginFolder();
    folder.add("b", {}, sound);
    folder.add("a", {}, sound);
    const plugins = await loadPlugins([folder.path, "/nowhere"]);
    assert.deepEqual(
      plugins.map(({ manifest }) => manifest.name),
      ["a", "b"],
    );
  });

  const refused: readonly (readonly [title: string, manifest: object, code: string, said: RegExp])[] = [
    [
      "an unknown kind",
      { kind: "polcy" },
      sound,
      /plugin\.json:2:3 \/kind\n {4}found "polcy"; did you mean "policy"\?/,
    ],
    ["an unknown key", { optoins: {} }, sound, /unknown key "optoins"; did you mean "options"\?/],
    ["a version that is none", { version: "one" }, sound, /found "one"\n {4}allowed: a semantic version/],
    ["an API range that is none", { api: "soon" }, sound, /found "soon"\n {4}allowed: a range of versions/],
    ["an entry outside of its folder", { entry: "../index.js" }, sound, /\/entry\n/],
    ["options that are no JSON Schema", { options: { type: "objct" } }, sound, /\/options\/type\n/],
    [
      "unknown words in its options' schema",
      { options: { typ: "object" } },
      sound,
      /\/options\/typ\n {4}unknown JSON Schema keyword "typ"; did you mean "type"/,
    ],
    ["code that throws", {}, "throw new Error('no');", /could not be loaded from .*: no/],
    ["a policy that decides nothing", {}, "export default {};", /has no function decide, as a policy must/],
    [
      "a profile without attach",
      { kind: "guest-profile" },
      sound,
      /has no function attach, as a guest-profile must/,
    ],
  ];
  for (const [title, manifest, code, said] of refused) {
    it(`are refused with ${title}`, async () => {
      using folder = new PluginFolder();
      await assert.rejects(loadPlugin(folder.add("example", manifest, code)), {
        code: "ERR_PLUGIN_INVALID",
        message: said,
      });
    });
  }
});
