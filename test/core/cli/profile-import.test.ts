import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { LayoutSource } from "../../../core/cli/composition.js";
import { inRepository } from "../../repository.js";
import { shippedLayout, tinyKernelFile } from "../../guest-profiles/windows/shipped.js";
import { ImageFolder } from "../../native/image/image-bytes.js";
import { runWith } from "./command-line.js";

const layout = (source: LayoutSource) => Promise.resolve({ schema: 1, ...source });

describe("vmmsched profile import", () => {
  it("prints the layout that the symbols give, with the build", async () => {
    const { exitCode, stdout } = await runWith({ layout }, "profile", "import", "a", "--build", "6.1.7601.1");
    assert.equal(exitCode, 0);
    assert.deepEqual(JSON.parse(stdout), { schema: 1, symbols: "a", build: "6.1.7601.1" });
    const plain = await runWith({ layout }, "profile", "import", "a");
    assert.deepEqual(JSON.parse(plain.stdout), { schema: 1, symbols: "a" });
  });

  it("takes a version of four numbers, and needs a file", async () => {
    const odd = await runWith({ layout }, "profile", "import", "a", "--build", "19041");
    assert.equal(odd.exitCode, 2);
    assert.match(odd.stderr, /four numbers, such as 10\.0\.19041\.804/);
    const { exitCode, stderr } = await runWith({ layout }, "profile", "import");
    assert.equal(exitCode, 2);
    assert.match(stderr, /file/);
  });

  it("makes a layout of a PDB, as a program", () => {
    using folder = new ImageFolder();
    const output = `${folder.path}/layout.json`;
    const symbols = folder.write("ntkrnlmp.pdb", tinyKernelFile("ntkrnlmp.pdb"));
    const build = "10.0.19041.804";
    execFileSync(process.execPath, [
      inRepository("dist/core/main.js"),
      ...["profile", "import", symbols, "--build", build, "-o", output],
    ]);
    const { structures } = JSON.parse(readFileSync(output, "utf8")) as { structures: object };
    assert.deepEqual(structures, shippedLayout(build).structures);
  });
});
