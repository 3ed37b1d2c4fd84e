import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Sources stay where they are: the compiled tests lie in dist/ below the same root. */
const sources = fileURLToPath(new URL("../../../../test/native/xen/", import.meta.url));

let folder: string | undefined;

function outputFolder(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), "vmmsched-xen-"));
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}

/** Why C cannot be compiled here, or undefined. */
export function missingCompiler(): string | undefined {
  const found = spawnSync("cc", ["--version"]).status === 0;
  return found ? undefined : "no C compiler: apt-get install gcc libc6-dev";
}

/** Why programs against Xen's headers cannot be compiled here, or undefined. */
export function missingXenHeaders(): string | undefined {
  const missing = missingCompiler();
  if (missing !== undefined) return missing;
  const found = spawnSync("cc", ["-E", "-"], { input: "#include <xenctrl.h>\n" }).status === 0;
  return found ? undefined : "no Xen headers: apt-get install libxen-dev";
}

/** Compiles a source of this folder and returns the path of what came out. */
export function compile(source: string, output: string, options: readonly string[] = []): string {
  const path = join(outputFolder(), output);
  execFileSync("cc", ["-Wall", "-Werror", "-o", path, join(sources, source), ...options], { stdio: "pipe" });
  return path;
}

/** The fake toolstack as a shared library of this file name. */
export function compileFake(output: string, ...defines: string[]): string {
  return compile("fake-libxen.c", output, ["-shared", "-fPIC", ...defines.map((name) => `-D${name}`)]);
}
