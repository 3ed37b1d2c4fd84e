import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { VmmschedError } from "../errors.js";
import { readManifest, type LoadedManifest } from "../plugins/manifest.js";
import { stagedName, type ImportOfModule } from "./javascript.js";
import { copyRunnable, filesOf, isScript, isTest, type RunnableCopy } from "./runnable-copy.js";

/** A plugin as it is imported. */
export interface StagedPlugin extends LoadedManifest, RunnableCopy {
  readonly entryUrl: string;
}

/** What a module of this kind of plugin may import, beside files of its own. */
const importable = { policy: [], "guest-profile": ["vmmsched/plugin-api", "node:timers/promises"] } as const;

/** Writes the plugin in `folder` to a directory below `root`, from where it can be imported. Throws ERR_PLUGIN_INVALID. */
export function stagePlugin(folder: string, root: string): StagedPlugin {
  const loaded = readManifest(join(folder, "plugin.json"));
  const { kind, name, entry } = loaded.manifest;
  if (!existsSync(join(folder, entry))) {
    const known = filesOf(folder).filter(isScript).join(", ");
    throw new VmmschedError(
      "ERR_PLUGIN_INVALID",
      `${join(folder, "plugin.json")}: there is no file ${entry}; files in ${folder}: ${known || "none"}`,
    );
  }
  const directory = join(root, name);
  for (const [file, imports] of copyRunnable({ folder, directory }))
    if (!isTest(file)) checkImports(imports, join(folder, file), importable[kind]);
  return { ...loaded, folder, directory, entryUrl: pathToFileURL(join(directory, stagedName(entry))).href };
}

function checkImports(imports: readonly ImportOfModule[], file: string, allowed: readonly string[]): void {
  for (const { specifier, line, column } of imports) {
    if (specifier?.startsWith("./") === true || specifier?.startsWith("../") === true) continue;
    if (specifier !== undefined && allowed.includes(specifier)) continue;
    const found = specifier === undefined ? "a computed import" : `an import of "${specifier}"`;
    throw new VmmschedError(
      "ERR_PLUGIN_INVALID",
      `${file}:${String(line)}:${String(column)}: found ${found}; ` +
        `allowed: ${[...allowed, "files of the plugin"].join(", ")}, and "import type" from vmmsched/plugin-api`,
      { file },
    );
  }
}
