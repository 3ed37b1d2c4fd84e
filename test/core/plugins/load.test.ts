import assert from "node:assert/strict";
import { join } from "node:path";
import { PluginLibrary } from "../../../core/plugins/library.js";
import { loadPolicy } from "../../../core/plugins/load-policy.js";
import { loadProfile } from "../../../core/plugins/load-profile.js";
import { openStaging } from "../../../core/plugins/staging.js";
import { inRepository } from "../../repository.js";
import { PluginFolder } from "./plugin-folder.js";

const sound = "export default { decide: () => [] };";

/** Stages and loads the plugins in these directories, and throws what is wrong with the first that is not good. */
async function load(directories: readonly string[]): Promise<readonly string[]> {
  using runtime = new PluginFolder();
  using staging = openStaging(join(runtime.path, "run"));
  using library = new PluginLibrary({ directories, staging });
  library.open();
  for (const { problem } of library.entries) if (problem !== undefined) throw problem;
  for (const plugin of library.plugins.values()) {
    if (plugin.kind === "policy") await loadPolicy(plugin);
    else await loadProfile(plugin);
  }
  return [...library.plugins.keys()];
}

describe("plugins", () => {
  it("that come with vmmsched are valid", async () => {
    const names = await load([inRepository("dist/plugins"), inRepository("dist/guest-profiles")]);
    assert.deepEqual(names, ["idle-only", "priority-tiers", "time-quota", "linux", "windows"]);
  });

  it("are the subfolders with a plugin.json, in order of their names", async () => {
    using folder = new PluginFolder();
    folder.add("b", {}, sound);
    folder.add("a", {}, sound);
    assert.deepEqual(await load([folder.path, "/nowhere"]), ["a", "b"]);
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
    ["code that throws", {}, `throw new Error('no'); ${sound}`, /could not be loaded: no/],
    ["a policy that decides nothing", {}, "export default {};", /has no function decide, as a policy's must/],
    [
      "a profile without attach",
      { kind: "guest-profile" },
      sound,
      /has no function attach, as a guest profile must/,
    ],
  ];
  for (const [title, manifest, code, said] of refused) {
    it(`are refused with ${title}`, async () => {
      using folder = new PluginFolder();
      folder.add("example", manifest, code);
      await assert.rejects(load([folder.path]), {
        code: "ERR_PLUGIN_INVALID",
        message: said,
      });
    });
  }
});
