import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../../core/main.js", import.meta.url));

/** Prints the URL of every module that is imported, in the thread of the loader: nothing of it counts itself. */
const hooks = `
  import { writeSync } from "node:fs";
  export async function load(url, context, next) {
    writeSync(2, url + "\\n");
    return next(url, context);
  }`;
const dataUrl = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
const watching = `import { register } from "node:module"; register(${JSON.stringify(dataUrl(hooks))});`;

/** What a command line imports: packages by their names, own modules by their rooms. */
function imported(...args: string[]): { packages: readonly string[]; rooms: readonly string[] } {
  const { stderr } = spawnSync(process.execPath, ["--import", dataUrl(watching), program, ...args], {
    encoding: "utf8",
  });
  const urls = stderr.split("\n").filter((line) => line.startsWith("file:"));
  const found = (pattern: RegExp) => [...new Set(urls.flatMap((url) => pattern.exec(url)?.[1] ?? []))].sort();
  return {
    packages: found(/\/node_modules\/((?:@[^/]+\/)?[^/]+)/),
    // Where things lie is no load.
    rooms: found(/\/dist\/((?:core\/[^/]+|native\/[^/]+))\/(?!places\.js$)/),
  };
}

describe("a command", () => {
  for (const args of [["--version"], ["--help"], ["plugins", "--help"]]) {
    it(`loads nothing that only others need: vmmsched ${args.join(" ")}`, () => {
      const { packages, rooms } = imported(...args);
      assert.ok(rooms.includes("core/cli"));
      assert.deepEqual(packages, ["commander"]);
      assert.deepEqual(
        rooms.filter((room) => !["core/cli", "core/config", "core/control", "core/record"].includes(room)),
        [],
      );
    });
  }
});
