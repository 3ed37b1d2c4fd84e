import assert from "node:assert/strict";
import { checkConfig } from "../../../core/config/load.js";
import { parseSource } from "../../../core/config/source-document.js";
import { configurePlugins } from "../../../core/plugins/configure.js";
import { loadPlugins } from "../../../core/plugins/load.js";
import { PluginFolder } from "./plugin-folder.js";

async function configure(text: string) {
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
  return configurePlugins(await loadPlugins([folder.path]), config);
}

describe("options of plugins", () => {
  it("have the defaults of the plugin's schema", async () => {
    const { policies, profiles } = await configure("policies: [{ name: fair }]");
    assert.deepEqual(
      policies.map(({ name, options }) => ({ name, options })),
      [{ name: "fair", options: { shares: 3 } }],
    );
    assert.deepEqual(
      profiles.map(({ name, options }) => ({ name, options })),
      [{ name: "linux", options: { shares: 3 } }],
    );
  });

  it("may differ between the sets of policies; a disabled policy is checked and left out", async () => {
    const { policySets } = await configure(`
policies: [{ name: fair, options: { shares: 1 } }]
policySets:
  night: [{ name: fair, options: { shares: 2 } }]
  off: [{ name: fair, enabled: false }]
`);
    assert.deepEqual(
      [...policySets].map(([name, policies]) => [name, policies.map(({ options }) => options)]),
      [
        ["default", [{ shares: 1 }]],
        ["night", [{ shares: 2 }]],
        ["off", []],
      ],
    );
  });

  it("are refused all at once, with their places in the configuration", async () => {
    const text =
      "policies:\n  - { name: fiar }\n  - { name: fair, options: { shares: 0, share: 1 } }\n" +
      "profiles: { linx: {} }\npolicySets: { night: [{ name: fare }] }\n";
    await assert.rejects(configure(text), (error: Error) => {
      const places = [...error.message.matchAll(/^ {2}c\.yaml:(\d+:\d+ \S+)$/gm)].map(([, place]) => place);
      assert.deepEqual(places, [
        "2:7 /policies/0/name",
        "3:30 /policies/1/options/shares",
        "3:41 /policies/1/options/share",
        "4:13 /profiles/linx",
        "5:25 /policySets/night/0/name",
      ]);
      assert.match(error.message, /there is no guest profile "linx"; did you mean "linux"\?/);
      return true;
    });
  });
});
