import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkConfig } from "../../../core/config/load.js";
import { parseSource } from "../../../core/config/source-document.js";
import { isVmmschedError } from "../../../core/errors.js";
import { soundEffective } from "../../../core/plugins/configure.js";
import { checkLayouts } from "../../../core/plugins/layouts.js";
import { PluginLibrary } from "../../../core/plugins/library.js";
import { checkManifest } from "../../../core/plugins/manifest.js";
import { noOverrides } from "../../../core/plugins/overrides.js";
import { openStaging } from "../../../core/plugins/staging.js";
import { PluginFolder } from "./plugin-folder.js";
import { inRepository, readInRepository } from "../../repository.js";

/**
 * Files with a mistake each, and beside each the message that an operator gets: NAME.json or NAME.yaml, and
 * NAME.expected.txt. With VMMSCHED_UPDATE_GOLDEN=1 in the environment the test writes the messages instead of comparing
 * them; read what has changed before you commit it.
 */
const corpus = "test/core/plugins/corpus";
const update = process.env.VMMSCHED_UPDATE_GOLDEN === "1";

const sound = (file: string) => readInRepository(`${corpus}/sound/${file}`);
let bundled: PluginLibrary["plugins"] = new Map();

const checks: Readonly<Record<string, (file: string, text: string) => unknown>> = {
  manifests: (file, text) => checkManifest(parseSource(file, text, "ERR_PLUGIN_INVALID")),
  configs: (file, text) =>
    soundEffective(checkConfig(parseSource(file, text, "ERR_CONFIG_INVALID")), bundled, noOverrides),
  layouts(file, text) {
    const profile = parseSource("plugin.json", sound("guest-profile.json"), "ERR_PLUGIN_INVALID");
    const files = [
      [`layouts/${file}`, text],
      ["layout.schema.json", sound("layout.schema.json")],
    ] as const;
    return checkLayouts(checkManifest(profile).manifest, new Map(files), (path) => path);
  },
};

describe("messages about bad files", () => {
  before(() => {
    using folder = new PluginFolder();
    using staging = openStaging(join(folder.path, "run"));
    const directories = [inRepository("dist/plugins"), inRepository("dist/guest-profiles")];
    using library = new PluginLibrary({ directories, staging });
    library.open();
    bundled = library.plugins;
  });

  it("do not come for good files", () => {
    checks.manifests!("policy.json", sound("policy.json"));
    checks.manifests!("guest-profile.json", sound("guest-profile.json"));
    checks.configs!("config.yaml", sound("config.yaml"));
    checks.layouts!("layout.json", sound("layout.json"));
  });

  for (const [kind, check] of Object.entries(checks)) {
    describe(kind, () => {
      const files = readdirSync(inRepository(`${corpus}/${kind}`)).filter((file) => !file.endsWith(".txt"));
      for (const file of files) {
        it(file.replace(/\.\w+$/, "").replaceAll("-", " "), () => {
          const path = `${corpus}/${kind}/${file}`;
          const expected = path.replace(/\.\w+$/, ".expected.txt");
          const said = `${messageOf(() => check(file, readInRepository(path)))}\n`;
          if (update) writeFileSync(inRepository(expected), said);
          assert.ok(
            existsSync(inRepository(expected)),
            `${expected} is missing; VMMSCHED_UPDATE_GOLDEN=1 writes it`,
          );
          assert.equal(said, readInRepository(expected));
        });
      }
    });
  }

  describe("corpus", () => {
    it("has a message for every file, and a file for every message", () => {
      for (const kind of Object.keys(checks)) {
        const files = readdirSync(inRepository(`${corpus}/${kind}`));
        const stems = (list: readonly string[]) =>
          list.map((file) => file.slice(0, file.indexOf("."))).sort();
        const isMessage = (file: string) => file.endsWith(".expected.txt");
        assert.deepEqual(stems(files.filter(isMessage)), stems(files.filter((file) => !isMessage(file))));
      }
    });

    it("says no word of the schema checker's own language", () => {
      for (const kind of Object.keys(checks)) {
        for (const file of readdirSync(inRepository(`${corpus}/${kind}`)).filter((each) =>
          each.endsWith(".txt"),
        )) {
          const said = readInRepository(`${corpus}/${kind}/${file}`);
          assert.doesNotMatch(said, /must (be|have|match|NOT)|strict mode|data\d|undefined|\[object/, file);
          assert.match(said, /:\d+:\d+/, file);
        }
      }
    });
  });
});

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isVmmschedError(error)) return error.message;
    throw error;
  }
  assert.fail("it was accepted");
}
