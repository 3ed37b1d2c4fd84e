import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { codeError, type CodeProblem } from "../plugins/code-problem.js";
import { moduleSyntax } from "../plugins/module-syntax.js";
import { stagedName } from "../plugins/modules.js";
import { stripTypes } from "../plugins/strip-types.js";

/** Files of a plugin and of its tests, relative to its folder: not what is installed, hidden or declares types. */
export function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => !/(^|\/)(node_modules\/|\.)/.test(file) && !/\.d\.ts$|^package\.json$/.test(file))
    .sort();
}

export function isScript(file: string): boolean {
  return /\.[jt]s$/.test(file);
}

export function isTest(file: string): boolean {
  return /\.test\.[jt]s$/.test(file);
}

/**
 * The folder as Node.js can run it: texts of its files, the scripts without types and under the names that they have
 * then. Throws ERR_PLUGIN_INVALID with all scripts that cannot be parsed.
 */
export function runnableFiles(folder: string): ReadonlyMap<string, string> {
  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  const files = new Map<string, string>();
  const problems: CodeProblem[] = [];
  for (const file of filesOf(folder)) {
    const text = isScript(file) ? stripTypes(file, read(file)) : read(file);
    if (typeof text !== "string") problems.push(text);
    else files.set(stagedName(file), isScript(file) ? withStagedImports(text) : text);
  }
  if (problems.length > 0) throw codeError(folder, problems, read);
  return files;
}

function withStagedImports(code: string): string {
  return moduleSyntax(code).imports.reduceRight((result, { specifier, start, end }) => {
    if (specifier === undefined || !/^\.\.?\//.test(specifier)) return result;
    return result.slice(0, start) + stagedName(result.slice(start, end)) + result.slice(end);
  }, code);
}

/** What an output says of the files in `directory`, said of the author's own in `folder`. */
export function withAuthorsPaths(text: string, folder: string, directory: string): string {
  const moved = text.replaceAll(pathToFileURL(directory).href, directory).replaceAll(directory, folder);
  return filesOf(folder)
    .filter((file) => file.endsWith(".ts"))
    .reduce((said, file) => said.replaceAll(join(folder, stagedName(file)), join(folder, file)), moved);
}
