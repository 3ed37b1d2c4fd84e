import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Findings } from "./check-report.js";
import { declarations, packageRoot } from "./package.js";
import { runProgram } from "./run-program.js";
import { filesOf, isScript } from "./plugin-files.js";

const longestMs = 120_000;

/** Compiler options for plugins: strict, and only what stripping the types leaves working. */
export const pluginCompilerOptions = {
  target: "ES2022",
  lib: ["ES2023", "ESNext.Disposable"],
  module: "ESNext",
  moduleResolution: "bundler",
  moduleDetection: "force",
  strict: true,
  noEmit: true,
  allowJs: true,
  allowImportingTsExtensions: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  skipLibCheck: true,
} as const;

/**
 * Has the TypeScript compiler look at the plugin in `folder` and its tests; JavaScript only where it asks for that (`@ts-check`).
 * Without a compiler to be found, that is noted and no problem. Writes its tsconfig.json to `scratch`.
 */
export async function checkTypes(folder: string, scratch: string): Promise<Findings> {
  const files = filesOf(folder)
    .filter(isScript)
    .map((file) => join(folder, file));
  if (!files.some(isTypeChecked))
    return { problems: [], notes: ["nothing to check in JavaScript without @ts-check"] };
  const compiler = resolveFrom(folder, "typescript/package.json");
  if (compiler === undefined)
    return { problems: [], notes: ["not checked: typescript is not installed (npm i -D typescript)"] };
  const nodeTypes = resolveFrom(folder, "@types/node/package.json");
  const config = join(scratch, "tsconfig.json");
  const compilerOptions = {
    ...pluginCompilerOptions,
    types: nodeTypes === undefined ? [] : ["node"],
    typeRoots: nodeTypes === undefined ? [] : [dirname(dirname(nodeTypes))],
    paths: Object.fromEntries(Object.entries(declarations).map(([name, file]) => [name, [file]])),
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  const { bin } = JSON.parse(readFileSync(compiler, "utf8")) as { readonly bin: { readonly tsc: string } };
  const program = [join(dirname(compiler), bin.tsc), "--pretty", "false", "--project", config];
  const { output, exitCode } = await runProgram(program, folder, longestMs);
  if (exitCode === 0) return { problems: [], notes: [] };
  const faults = output.trimEnd().split(/\n(?=\S)/);
  return { problems: faults.map((fault) => placed(fault, folder)), notes: [] };
}

/** `index.ts(3,14): error TS2322: ...` as `/where/it/is/index.ts:3:14: TS2322: ...`. */
function placed(fault: string, folder: string): string {
  return fault.replace(/^(.+?)\((\d+),(\d+)\): error /, (_, file: string, line: string, column: string) => {
    return `${join(folder, file)}:${line}:${column}: `;
  });
}

function isTypeChecked(file: string): boolean {
  return file.endsWith(".ts") || /^\/\/ *@ts-check/m.test(readFileSync(file, "utf8"));
}

/** Looks where the plugin is, where the command runs, and in what vmmsched came with. */
function resolveFrom(folder: string, file: string): string | undefined {
  for (const from of [folder, process.cwd(), packageRoot]) {
    try {
      const found = createRequire(join(from, "index.js")).resolve(file);
      if (existsSync(found)) return found;
    } catch {
      continue;
    }
  }
  return undefined;
}
