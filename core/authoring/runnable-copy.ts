import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { stagedName, toJavaScript, type ImportOfModule } from "./javascript.js";
import { packageRoot } from "./package.js";

/** A plugin's folder, and a copy of it that Node.js can run: JavaScript only, and vmmsched is there to be imported. */
export interface RunnableCopy {
  readonly folder: string;
  readonly directory: string;
}

/** Files of a plugin, relative to its folder: its own, not what is installed, hidden or declares types. */
export function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => !/(^|\/)(node_modules\/|\.)/.test(file) && !file.endsWith(".d.ts"))
    .sort();
}

export function isScript(file: string): boolean {
  return /\.[jt]s$/.test(file);
}

export function isTest(file: string): boolean {
  return /\.test\.[jt]s$/.test(file);
}

/** Copies `folder` to the new `directory`; returns what each script of it imports. Throws ERR_PLUGIN_INVALID. */
export function copyRunnable({
  folder,
  directory,
}: RunnableCopy): ReadonlyMap<string, readonly ImportOfModule[]> {
  mkdirSync(join(directory, "node_modules"), { recursive: true });
  symlinkSync(packageRoot, join(directory, "node_modules/vmmsched"));
  writeFileSync(join(directory, "package.json"), '{"type":"module"}');
  const imports = new Map<string, readonly ImportOfModule[]>();
  for (const file of filesOf(folder).filter((each) => each !== "package.json")) {
    const bytes = readFileSync(join(folder, file));
    const to = join(directory, stagedName(file));
    mkdirSync(dirname(to), { recursive: true });
    if (isScript(file)) {
      const script = toJavaScript(bytes.toString("utf8"), join(folder, file));
      imports.set(file, script.imports);
      writeFileSync(to, script.code);
    } else {
      writeFileSync(to, bytes);
    }
  }
  return imports;
}

/** Puts the author's own files in the place of the copied ones in a stack or an output. */
export function withAuthorsPaths(text: string, { folder, directory }: RunnableCopy): string {
  const copied = text.replaceAll(pathToFileURL(directory).href, directory).replaceAll(directory, folder);
  return filesOf(folder)
    .filter((file) => file.endsWith(".ts"))
    .reduce((said, file) => said.replaceAll(join(folder, stagedName(file)), join(folder, file)), copied);
}
