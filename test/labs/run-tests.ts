import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** These run when they are named only. */
const byName = ".by-name.lab.js";

/** Runs the lab tests of the folder `here`, files *.lab.js whose name contains one of the `filters`; resolves to the exit code. */
export function runTests(here: string, filters: readonly string[]): Promise<number> {
  const labs = readdirSync(here).filter((name) => name.endsWith(".lab.js"));
  for (const filter of filters)
    if (!labs.some((name) => name.includes(filter)))
      throw new Error(`no lab test in ${here} has "${filter}" in its name`);
  const files = labs.filter((name) =>
    filters.length === 0 ? !name.endsWith(byName) : filters.some((filter) => name.includes(filter)),
  );
  const mocha = join(
    dirname(createRequire(import.meta.url).resolve("mocha/package.json")),
    "bin",
    "mocha.js",
  );
  const args = [mocha, "--no-config", "--timeout", "1800000", ...files.map((name) => join(here, name))];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: "inherit" });
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
    child.on("close", (code) => resolve(code ?? 1));
  });
}
