import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { checkOutputSchema, type CheckReport } from "../../../core/authoring/check-report.js";
import { schemaCheck } from "../../../core/config/schema-check.js";
import { assertPublished } from "../../published-schema.js";
import { PluginFolder } from "../plugins/plugin-folder.js";
import { runWith } from "./command-line.js";

const sound = "export default { decide: () => [] };";

describe("vmmsched plugins check", function () {
  this.timeout(120_000);

  it("prints the steps and a verdict, and ends with 0", async () => {
    using folder = new PluginFolder();
    const { exitCode, stdout, stderr } = await runWith(
      {},
      "plugins",
      "check",
      folder.add("sound", {}, sound),
    );
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.match(stdout, /^sound 1\.0\.0 \(policy\) in .*\/sound\nok {7}manifest\nok {7}code\nok {7}types\n/);
    assert.match(stdout, /\nVerdict: sound 1\.0\.0 is fit to run\.\n$/);
  });

  it("prints problems below their steps, and ends with 1", async () => {
    using folder = new PluginFolder();
    const broken = folder.add("broken", { vresion: "1", colour: "\u001b[31m" }, sound);
    const { exitCode, stdout } = await runWith({}, "plugins", "check", broken);
    assert.equal(exitCode, 1);
    assert.match(
      stdout,
      /\nfailed {3}manifest\n {9}\S*plugin\.json:\d+:\d+ \/vresion\n {9} +unknown key "vresion"/,
    );
    assert.match(stdout, /\nskipped {2}code\n.*\nVerdict: broken is not fit to run: 2 problems\.\n$/s);
    assert.ok(!stdout.includes("\u001b"));
  });

  it("takes several folders and names of bundled plugins, and sums up", async () => {
    using folder = new PluginFolder();
    const { exitCode, stdout } = await runWith(
      {},
      "plugins",
      "check",
      folder.add("b", {}, "oops"),
      "idle-only",
    );
    assert.equal(exitCode, 1);
    assert.match(
      stdout,
      /Verdict: b 1\.0\.0 is not fit.*\n\nidle-only .*Verdict: idle-only .* is fit to run\.\n\n/s,
    );
    assert.match(stdout, /\nVerdict: 1 of 2 plugins is not fit to run\.\n$/);
  });

  it("prints JSON", async () => {
    using folder = new PluginFolder();
    const { exitCode, stdout } = await runWith(
      {},
      "plugins",
      "check",
      "--json",
      folder.add("sound", {}, sound),
    );
    const report = JSON.parse(stdout) as { schema: number; fit: boolean; plugins: CheckReport[] };
    assert.deepEqual([exitCode, report.schema, report.fit, report.plugins[0]?.name], [0, 1, true, "sound"]);
    assert.equal(stdout.trimEnd().split("\n").length, 1);
  });

  it("has a schema for readers of its JSON, docs/check.schema.json", () =>
    assertPublished("docs/check.schema.json", checkOutputSchema));

  it("prints JSON that follows the schema, of what is fit, what is not, and what cannot be read", async () => {
    using folder = new PluginFolder();
    const unfit = folder.add("unfit", {}, "export default 5;");
    const unreadable = folder.add("unreadable", { kind: "none" }, sound);
    const places = [folder.add("sound", {}, sound), unfit, unreadable, "linux"];
    const { exitCode, stdout } = await runWith({}, "plugins", "check", "--json", ...places);
    const printed = JSON.parse(stdout) as { readonly plugins: readonly CheckReport[] };
    assert.equal(exitCode, 1);
    assert.deepEqual(
      printed.plugins.map(({ fit, kind }) => [fit, kind]),
      [
        [true, "policy"],
        [false, "policy"],
        [false, undefined],
        [true, "guest-profile"],
      ],
    );
    const check = schemaCheck(checkOutputSchema);
    assert.deepEqual(check(printed), []);
    assert.notDeepEqual(check({ ...printed, extra: 1 }), []);
    assert.notDeepEqual(check({ ...printed, plugins: [{ ...printed.plugins[0], steps: [{}] }] }), []);
  });

  it("ends with 2 when there is nothing to check", async () => {
    const { exitCode, stderr } = await runWith({}, "plugins", "check", "no-such-thing");
    assert.equal(exitCode, 2);
    assert.match(stderr, /there is no folder no-such-thing, and no bundled plugin of that name/);
  });
});

describe("vmmsched plugins new", () => {
  let directory = "";
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "vmmsched-new-"));
  });
  after(() => {
    rmSync(directory, { recursive: true });
  });

  it("says what to do next", async () => {
    const ran = await runWith({}, "plugins", "new", "policy", "mine", "--directory", directory, "--js");
    const folder = join(relative("", directory), "mine");
    const stdout =
      `Made ${folder}: a policy to begin with. Next:\n` +
      `  vmmsched plugins check ${folder}\n  vmmsched run -c ${folder}/demo.yaml\n`;
    assert.deepEqual(ran, { exitCode: 0, stdout, stderr: "" });
  });

  it("ends with 2 for a kind or a name that cannot be, and for one that is taken", async () => {
    writeFileSync(join(directory, "taken"), "");
    const wrong = [
      ["plocy", "x", /Allowed choices are policy, guest-profile/],
      ["policy", "X", /how about x\?/],
      ["policy", "taken", /exists already/],
    ] as const;
    for (const [kind, name, said] of wrong) {
      const { exitCode, stderr } = await runWith({}, "plugins", "new", kind, name, "--directory", directory);
      assert.equal(exitCode, 2);
      assert.match(stderr, said);
    }
  });
});
