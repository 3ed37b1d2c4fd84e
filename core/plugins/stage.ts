import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { codeError } from "./code-problem.js";
import { parseSource } from "../config/source-document.js";
import { checkLayouts } from "./layouts.js";
import { checkManifest, type LoadedManifest, type Manifest } from "./manifest.js";
import { pluginModules } from "./modules.js";
import { hashOf, manifestName, textOf, type PluginSource } from "./plugin-source.js";
import type { Staging } from "./staging.js";

/** A plugin that was checked, ready to be imported from where it cannot change any more. */
export interface StagedPlugin extends LoadedManifest {
  readonly kind: Manifest["kind"];
  readonly name: string;
  readonly version: string;
  /** The author's folder. */
  readonly folder: string;
  /** Of all that makes the plugin: manifest, modules and layouts. Same hash, same plugin. */
  readonly hash: string;
  /** The staged copy. */
  readonly directory: string;
  /** URL of the module to import. */
  readonly entryUrl: string;
  /** The author's modules, entry first, relative to the folder. */
  readonly modules: readonly string[];
  /** Layout files of a guest profile, checked, by path relative to the folder. */
  readonly layouts: ReadonlyMap<string, unknown>;
}

/**
 * Checks a plugin and stages it: its manifest, its layouts, and every module that its entry needs. Throws
 * ERR_PLUGIN_INVALID with all that is wrong in the manifest or, when that is sound, in the code; nothing is staged then.
 */
export function stagePlugin(source: PluginSource, staging: Staging): StagedPlugin {
  const { manifest, checkOptions, layouts } = checkedData(source);
  const { modules, problems } = pluginModules(source, manifest);
  if (problems.length > 0) throw codeError(source.folder, problems, (path) => textOf(source, path));

  const files = new Map(modules.map(({ path, code }) => [path, code]));
  // Layouts as they were parsed: their schema may have filled in defaults.
  const data = [
    [manifestName, textOf(source, manifestName) ?? ""],
    ["layouts", JSON.stringify([...layouts])],
  ] as const;
  const hash = hashOf(new Map([...data, ...files]));
  const directory = staging.write(`${manifest.name}-${hash.slice(0, 16)}`, files);
  const [entry = ""] = files.keys();
  return {
    manifest,
    checkOptions,
    kind: manifest.kind,
    name: manifest.name,
    version: manifest.version,
    folder: source.folder,
    hash,
    directory,
    entryUrl: pathToFileURL(join(directory, entry)).href,
    modules: modules.map(({ original }) => original),
    layouts,
  };
}

/** What a stack or a message says of staged files, said of the author's files: lines and columns are the same. */
export function restoreStack(
  stack: string,
  staged: Pick<StagedPlugin, "directory" | "folder" | "modules">,
): string {
  return staged.modules.reduce((said, original) => {
    const file = join(staged.directory, original.replace(/\.ts$/, ".js"));
    const authors = join(staged.folder, original);
    return said.replaceAll(pathToFileURL(file).href, authors).replaceAll(file, authors);
  }, stack);
}

/** Manifest and layouts. */
function checkedData(source: PluginSource): LoadedManifest & Pick<StagedPlugin, "layouts"> {
  const describe = (path: string) => join(source.folder, path);
  const text = textOf(source, manifestName) ?? "";
  const loaded = checkManifest(parseSource(describe(manifestName), text, "ERR_PLUGIN_INVALID"));
  const texts = new Map([...source.files.keys()].map((path) => [path, textOf(source, path) ?? ""]));
  return { ...loaded, layouts: checkLayouts(loaded.manifest, texts, describe) };
}
