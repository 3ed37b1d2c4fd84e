import assert from "node:assert/strict";
import { join } from "node:path";
import { checkConfig } from "../../../core/config/load.js";
import { parseSource, pointer } from "../../../core/config/source-document.js";
import { effective, type Effective } from "../../../core/plugins/configure.js";
import { PluginLibrary } from "../../../core/plugins/library.js";
import {
  noOverrides,
  withDisabled,
  withEnabled,
  withSet,
  type Overrides,
} from "../../../core/plugins/overrides.js";
import { openStaging } from "../../../core/plugins/staging.js";
import { PluginFolder } from "./plugin-folder.js";

function configure(text: string, overrides: Overrides = noOverrides): Effective {
  using folder = new PluginFolder();
  const shares = { type: "integer", minimum: 1, default: 3 };
  const options = { type: "object", additionalProperties: false, properties: { shares } };
  folder.add("fair", { options }, "export default { decide: () => [] };");
  folder.add(
    "linux",
    { kind: "guest-profile", options },
    "export default { attach: async () => undefined };",
  );
  const config = checkConfig(parseSource("c.yaml", text, "ERR_CONFIG_INVALID"));
  using staging = openStaging(join(folder.path, "run"));
  using library = new PluginLibrary({ directories: [folder.path], staging });
  library.open();
  return effective(config, library.plugins, overrides);
}

const shown = (plugins: Effective["policies"]) =>
  plugins.map(({ plugin, options }) => [plugin.name, options] as const);

describe("options of plugins", () => {
  it("have the defaults of the plugin's schema", () => {
    const { policies, profiles } = configure("policies: [{ name: fair }]");
    assert.deepEqual(shown(policies), [["fair", { shares: 3 }]]);
    assert.deepEqual(shown(profiles), [["linux", { shares: 3 }]]);
  });

  const text = `
policies: [{ name: fair, options: { shares: 1 } }]
policySets:
  night: [{ name: fair, options: { shares: 2 } }]
  off: [{ name: fair, enabled: false }]
`;
  const off = withSet("off");
  const cases: readonly (readonly [title: string, overrides: Overrides, policies: readonly unknown[]])[] = [
    ["are those of the set in force", noOverrides, [["fair", { shares: 1 }]]],
    ["may differ between the sets", withSet("night"), [["fair", { shares: 2 }]]],
    ["are of no use where the policy is disabled", off, []],
    [
      "come into force with a policy that is enabled by hand",
      withEnabled(off, "fair", undefined),
      [["fair", { shares: 3 }]],
    ],
    ["may be given by hand", withEnabled(noOverrides, "fair", { shares: 9 }), [["fair", { shares: 9 }]]],
    ["are of no use to a policy that is disabled by hand", withDisabled(noOverrides, "fair"), []],
  ];
  for (const [title, overrides, policies] of cases) {
    it(title, () => {
      assert.deepEqual(shown(configure(text, overrides).policies), policies);
    });
  }

  it("of a profile that is disabled by hand are of no use either", () => {
    assert.deepEqual(shown(configure("", withDisabled(noOverrides, "linux")).profiles), []);
  });

  it("are checked all at once, in every set, with their places in the configuration", () => {
    const wrong =
      "policies:\n  - { name: fiar }\n  - { name: fair, options: { shares: 0, share: 1 } }\n" +
      "profiles: { linx: {} }\npolicySets: { night: [{ name: fare }] }\n";
    const { problems } = configure(wrong);
    assert.deepEqual(problems.map(({ plugin, path }) => `${plugin} ${pointer(path)}`).sort(), [
      "fair /policies/1/options/share",
      "fair /policies/1/options/shares",
      "fare /policySets/night/0/name",
      "fiar /policies/0/name",
      "linx /profiles/linx",
    ]);
    assert.match(
      problems.find(({ plugin }) => plugin === "linx")?.text ?? "",
      /there is no guest profile "linx"; did you mean "linux"\?/,
    );
  });
});
