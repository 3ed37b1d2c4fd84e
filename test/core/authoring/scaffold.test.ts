import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPlugin } from "../../../core/authoring/check-plugin.js";
import { scaffold, type NewPlugin } from "../../../core/authoring/scaffold.js";
import { loadConfig } from "../../../core/config/load.js";

describe("plugins new", function () {
  this.timeout(120_000);
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vmmsched-new-"));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  const begin = (changed: Partial<NewPlugin> = {}) =>
    scaffold({ kind: "policy", name: "mine", directory, typescript: true, ...changed });
  const parsed = (folder: string, file: string) =>
    JSON.parse(readFileSync(join(folder, file), "utf8")) as Record<string, unknown>;

  for (const kind of ["policy", "guest-profile"] as const) {
    for (const typescript of [true, false]) {
      it(`makes a ${kind} in ${typescript ? "TypeScript" : "JavaScript"} that is fit to run, with nothing skipped`, async () => {
        const folder = begin({ kind, typescript });
        const { fit, steps } = await checkPlugin(folder);
        assert.ok(fit, steps.flatMap(({ problems }) => problems).join("\n"));
        const notes = steps.flatMap((step) => step.notes).join("\n");
        assert.doesNotMatch(notes, /not checked|nothing to check|wished nothing|ignored/);
        if (kind === "policy") assert.match(notes, /\d+ passed/);
        const script = typescript ? ".ts" : ".js";
        for (const file of readdirSync(folder).filter((name) => /\.[jt]s$/.test(name)))
          assert.ok(file.endsWith(script));
      });
    }
  }

  it("makes a configuration that runs the policy", () => {
    const { values } = loadConfig(join(begin(), "demo.yaml"));
    assert.equal(values.driver, "simulated");
    assert.deepEqual(
      values.policies.map(({ name }) => name),
      ["mine"],
    );
  });

  it("tells an editor where the schema and the types are", () => {
    const folder = begin();
    const schema = String(parsed(folder, "plugin.json").$schema);
    assert.ok(existsSync(fileURLToPath(schema)), schema);
    const { paths } = parsed(folder, "tsconfig.json").compilerOptions as {
      readonly paths: Record<string, string[]>;
    };
    assert.deepEqual(Object.keys(paths), ["vmmsched/plugin-api", "vmmsched/testing", "vmmsched/simulated"]);
    for (const [file = ""] of Object.values(paths)) assert.ok(existsSync(file), file);
  });

  it("names a vmmsched that is installed above it by a relative path", () => {
    const docs = join(directory, "node_modules/vmmsched/docs");
    mkdirSync(docs, { recursive: true });
    writeFileSync(join(docs, "plugin.schema.json"), "{}");
    const folder = begin({ directory: join(directory, "policies") });
    assert.equal(
      parsed(folder, "plugin.json").$schema,
      "../../node_modules/vmmsched/docs/plugin.schema.json",
    );
    assert.ok(!("paths" in (parsed(folder, "tsconfig.json").compilerOptions as object)));
  });

  const names: readonly (readonly [name: string, better: string | undefined])[] = [
    ["My Policy", "my-policy"],
    ["9lives", "lives"],
    ["a_b", "a-b"],
    ["../up", "up"],
    ["", undefined],
    ["???", undefined],
    ["x".repeat(65), "x".repeat(64)],
  ];
  for (const [name, better] of names) {
    it(`refuses the name ${JSON.stringify(name)}${better === undefined ? "" : ` and suggests ${better}`}`, () => {
      assert.throws(
        () => begin({ name }),
        (error: Error) => {
          assert.match(error.message, /lower-case letters, digits and dashes, .* \[ERR_USAGE\]$/);
          assert.equal(/how about (\S+)\?/.exec(error.message)?.[1], better);
          return true;
        },
      );
      assert.deepEqual(readdirSync(directory), []);
    });
  }

  it("never writes over what is there", () => {
    writeFileSync(join(directory, "mine"), "precious");
    assert.throws(() => begin(), { code: "ERR_USAGE", message: /\/mine exists already/ });
    assert.equal(readFileSync(join(directory, "mine"), "utf8"), "precious");
  });

  it("leaves nothing half made", () => {
    writeFileSync(join(directory, "file"), "");
    assert.throws(() => begin({ directory: join(directory, "file") }), /EEXIST|ENOTDIR/);
    begin();
    assert.deepEqual(readdirSync(directory).sort(), ["file", "mine"]);
  });
});
