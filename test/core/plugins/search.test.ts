import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { manifestText, PluginWorkshop, policyCode } from "./plugin-workshop.js";

/** A folder of the search path and what its manifest says. */
type Given = readonly [folder: string, manifest: object];
const profile = { kind: "guest-profile" };

describe("the search path", () => {
  const rules: readonly (readonly [
    string,
    readonly Given[],
    taken: readonly string[],
    notices: readonly RegExp[],
  ])[] = [
    [
      "finds plugins of all directories",
      [
        ["a/x", {}],
        ["b/y", {}],
      ],
      ["a/x", "b/y"],
      [],
    ],
    [
      "takes the newest version",
      [
        ["a/x", { version: "1.10.0" }],
        ["b/x", { version: "1.9.0" }],
      ],
      ["a/x"],
      [/^x 1\.10\.0 of \S+\/a\/x is taken, not 1\.9\.0 of \S+\/b\/x: it is newer$/],
    ],
    [
      "takes a release, not its preview",
      [
        ["a/x", { version: "2.0.0" }],
        ["b/x", { version: "2.0.0-rc.1" }],
      ],
      ["a/x"],
      [/it is newer/],
    ],
    [
      "takes the later of equal versions",
      [
        ["a/x", {}],
        ["b/x", {}],
        ["c/x", { version: "0.9.0" }],
      ],
      ["b/x"],
      [
        /not 1\.0\.0 of \S+\/a\/x: it is the same version, later in the search path$/,
        /not 0\.9\.0 of \S+\/c\/x/,
      ],
    ],
    [
      "goes by the names in manifests, not by those of folders",
      [
        ["a/p", { name: "x" }],
        ["a/q", { name: "x", version: "2.0.0" }],
      ],
      ["a/q"],
      [/not 1\.0\.0/],
    ],
  ];
  for (const [title, given, taken, notices] of rules) {
    it(title, () => {
      using workshop = new PluginWorkshop();
      for (const [folder, manifest] of given) workshop.policy(folder, manifest);
      const library = workshop.library({
        directories: ["a", "b", "c", "d"].map((name) => workshop.at(name)),
      });
      assert.deepEqual(
        [...library.plugins.values()].map(({ folder }) => folder),
        taken.map((folder) => workshop.at(folder)),
      );
      assert.equal(library.notices.length, notices.length, library.notices.join("\n"));
      for (const [index, said] of notices.entries()) assert.match(library.notices[index]!, said);
      const shadowed = library.entries.filter(({ shadowedBy }) => shadowedBy !== undefined);
      assert.equal(shadowed.length, given.length - taken.length);
    });
  }

  it("refuses the later of two kinds with one name", () => {
    using workshop = new PluginWorkshop();
    workshop.policy("a/x");
    workshop.policy(
      "b/x",
      { ...profile, version: "2.0.0" },
      { "index.js": "export default { attach() {} };" },
    );
    const library = workshop.library({ directories: [workshop.at("a"), workshop.at("b")] });
    assert.equal(library.plugins.get("x")?.kind, "policy");
    const [, refused] = library.entries;
    assert.equal(refused?.problem?.code, "ERR_PLUGIN_INVALID");
    assert.match(
      refused.problem.message,
      /the guest-profile in \S+\/b\/x cannot be called x: the policy in \S+\/a\/x is/,
    );
  });

  it("lets the older version in where the newer one is broken", () => {
    using workshop = new PluginWorkshop();
    workshop.policy("a/x");
    workshop.policy("b/x", { version: "2.0.0" }, { "index.js": "broken (" });
    const library = workshop.library({ directories: [workshop.at("a"), workshop.at("b")] });
    assert.equal(library.plugins.get("x")?.version, "1.0.0");
    assert.deepEqual(
      library.entries.map(({ name, problem }) => `${name} ${problem?.code}`),
      ["x undefined", "x ERR_PLUGIN_INVALID"],
    );
  });

  it("names a broken plugin as its manifest does, or else as its folder", () => {
    using workshop = new PluginWorkshop();
    workshop.write("plugins/a", { "plugin.json": manifestText({ name: "claimed" }) });
    workshop.write("plugins/b", { "plugin.json": "{" });
    assert.deepEqual(
      workshop.library().entries.map(({ name }) => name),
      ["claimed", "b"],
    );
  });

  it("tells of code without a manifest, and of a directory that is none", () => {
    using workshop = new PluginWorkshop();
    workshop.write("plugins/forgotten", { "index.ts": policyCode() });
    workshop.write("plugins/notes", { "README.md": "" });
    writeFileSync(workshop.at("plugins", "file"), "");
    const { entries, notices } = workshop.library({
      directories: [workshop.at("plugins"), workshop.at("plugins", "file"), workshop.at("nowhere")],
    });
    assert.deepEqual(entries, []);
    assert.match(
      notices.join("\n"),
      /^\S+\/plugins\/forgotten has code but no plugin\.json\nno plugins from \S+\/file: ENOTDIR.*$/,
    );
  });
});
