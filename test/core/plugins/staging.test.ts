import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStaging } from "../../../core/plugins/staging.js";
import { inRepository } from "../../repository.js";
import { PluginWorkshop } from "./plugin-workshop.js";

describe("the staging directory", () => {
  it("is private, makes its runtime directory, and is removed at the end", () => {
    using workshop = new PluginWorkshop();
    const runtime = workshop.at("a", "b");
    let path: string;
    {
      using staging = openStaging(runtime);
      path = staging.directory;
      assert.equal(statSync(runtime).mode & 0o777, 0o700);
      assert.equal(statSync(path).mode & 0o777, 0o700);
    }
    assert.equal(existsSync(path), false);
  });

  it("outlives neither a killed process nor that number's next owner", () => {
    using workshop = new PluginWorkshop();
    const runtime = workshop.at("run");
    const module = JSON.stringify(inRepository("dist/core/plugins/staging.js"));
    const code = `const { openStaging } = await import(${module}); openStaging(${JSON.stringify(runtime)}); process.kill(process.pid, "SIGKILL");`;
    spawnSync(process.execPath, ["--input-type=module", "-e", code]);
    mkdirSync(join(runtime, `staging-${process.pid}-1-reused`));
    writeFileSync(join(runtime, "control.sock"), "not ours");
    const stagings = () => readdirSync(runtime).filter((name) => name.startsWith("staging-"));
    assert.equal(stagings().length, 3);
    using own = openStaging(runtime);
    assert.deepEqual(
      stagings()
        .map((name) => join(runtime, name))
        .sort(),
      [own.directory, workshop.staging.directory].sort(),
    );
    assert.ok(existsSync(join(runtime, "control.sock")));
  });

  for (const [title, spoil, said] of [
    [
      "others may write to",
      (path: string) => {
        mkdirSync(path);
        chmodSync(path, 0o777);
      },
      /everybody may write to it/,
    ],
    [
      "is a file",
      (path: string) => {
        writeFileSync(path, "");
      },
      /cannot be used: EEXIST/,
    ],
  ] as const) {
    it(`is refused where the runtime directory ${title}`, () => {
      using workshop = new PluginWorkshop();
      spoil(workshop.at("x"));
      assert.throws(() => openStaging(workshop.at("x")), { code: "ERR_RUNTIME_DIRECTORY", message: said });
    });
  }

  it("holds all of a folder or nothing", () => {
    using workshop = new PluginWorkshop();
    const { staging } = workshop;
    const impossible = new Map([
      ["a", "1"],
      ["a/b", "2"],
    ]);
    assert.throws(() => staging.write("p", impossible));
    assert.equal(existsSync(join(staging.directory, "p")), false);
    staging.write("p", new Map([["a/b", "2"]]));
    staging.keepOnly(new Set([join(staging.directory, "p")]));
    assert.deepEqual(readdirSync(staging.directory).sort(), ["node_modules", "p", "package.json"]);
  });
});
