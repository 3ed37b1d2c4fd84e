import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { inRepository } from "../repository.js";

describe("reference of the plugin API", function () {
  this.timeout(120_000);

  it("can be written without a warning: all that is exported is whole, and every link leads somewhere", () => {
    const typedoc = inRepository("node_modules/typedoc/bin/typedoc");
    const { status, stdout, stderr } = spawnSync(process.execPath, [typedoc, "--emit", "none"], {
      cwd: inRepository("."),
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout + stderr);
  });
});
