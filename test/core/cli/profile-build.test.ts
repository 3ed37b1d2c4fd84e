import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LayoutSource } from "../../../core/cli/composition.js";
import { runWith } from "./command-line.js";

const made = { schema: 1, release: "6.1" };
const layout = (source: LayoutSource) => Promise.resolve({ ...made, ...source });

describe("vmmsched profile build", () => {
  it("prints the layout of the kernel in a file", async () => {
    const { exitCode, stdout } = await runWith({ layout }, "profile", "build", "--vmlinux", "a");
    assert.equal(exitCode, 0);
    assert.deepEqual(JSON.parse(stdout), { ...made, vmlinux: "a" });
  });

  it("writes it to a file that is not there yet, and replaces none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "vmmsched-build-"));
    try {
      const file = join(folder, "a.json");
      const build = (vmlinux: string) =>
        runWith({ layout }, "profile", "build", "--vmlinux", vmlinux, "-o", file);
      assert.equal((await build("a")).exitCode, 0);
      const { exitCode, stderr } = await build("b");
      assert.equal(exitCode, 2);
      assert.match(stderr, /a\.json cannot be written/);
      assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { ...made, vmlinux: "a" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("needs a kernel", async () => {
    const { exitCode, stderr } = await runWith({ layout }, "profile", "build");
    assert.equal(exitCode, 2);
    assert.match(stderr, /--vmlinux/);
  });
});
