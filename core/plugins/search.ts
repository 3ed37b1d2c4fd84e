import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import compareVersions from "semver/functions/compare.js";
import { VmmschedError, messageOf } from "../errors.js";
import { isLeftOut, manifestName } from "./plugin-source.js";
import type { StagedPlugin } from "./stage.js";

/** What one directory of the search path holds. */
export interface DirectoryListing {
  /** Its subfolders, in order of their names, with a plugin.json or without. */
  readonly folders: readonly string[];
  /** What an operator should know about it. */
  readonly notices: readonly string[];
}

/** Lists a directory of the search path; one that does not exist is empty. */
export function listDirectory(directory: string): DirectoryListing {
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { folders: [], notices: missing ? [] : [`no plugins from ${directory}: ${messageOf(error)}`] };
  }
  const folders = names
    .filter((name) => !isLeftOut(name))
    .sort()
    .map((name) => join(directory, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  const forgotten = folders.filter((folder) => !isPluginFolder(folder) && hasEntry(folder));
  return { folders, notices: forgotten.map((folder) => `${folder} has code but no ${manifestName}`) };
}

export function isPluginFolder(folder: string): boolean {
  return existsSync(join(folder, manifestName));
}

function hasEntry(folder: string): boolean {
  return ["index.ts", "index.js"].some((name) => existsSync(join(folder, name)));
}

/** Which plugin each name means. */
export interface Resolution {
  readonly plugins: ReadonlyMap<string, StagedPlugin>;
  /** The plugin that is taken instead of the one in a folder. */
  readonly shadowedBy: ReadonlyMap<string, StagedPlugin>;
  /** Folders whose plugin has the name of one of another kind. */
  readonly clashes: ReadonlyMap<string, VmmschedError>;
  readonly notices: readonly string[];
}

/**
 * Gives each name to one plugin, of all in the order of the search path: the newest version and, of equal ones, the last,
 * so that an operator's copy overrides what comes along. The first of a name decides its kind.
 */
export function resolveNames(candidates: readonly StagedPlugin[]): Resolution {
  const plugins = new Map<string, StagedPlugin>();
  const clashes = new Map<string, VmmschedError>();
  for (const plugin of candidates) {
    const other = plugins.get(plugin.name);
    if (other !== undefined && other.kind !== plugin.kind) clashes.set(plugin.folder, clash(plugin, other));
    else if (other === undefined || compareVersions(plugin.version, other.version) >= 0)
      plugins.set(plugin.name, plugin);
  }

  const shadowedBy = new Map<string, StagedPlugin>();
  for (const plugin of candidates) {
    const taken = plugins.get(plugin.name);
    if (taken !== undefined && taken !== plugin && !clashes.has(plugin.folder))
      shadowedBy.set(plugin.folder, taken);
  }
  const notices = candidates.flatMap((plugin) => {
    const taken = shadowedBy.get(plugin.folder);
    return taken === undefined ? [] : [shadowed(plugin, taken)];
  });
  return { plugins, shadowedBy, clashes, notices };
}

function clash(plugin: StagedPlugin, other: StagedPlugin): VmmschedError {
  const message =
    `the ${plugin.kind} in ${plugin.folder} cannot be called ${plugin.name}: the ${other.kind} in ${other.folder} ` +
    `is; give it another name in its ${manifestName}`;
  return new VmmschedError("ERR_PLUGIN_INVALID", message, { plugin: plugin.name, folder: plugin.folder });
}

function shadowed(plugin: StagedPlugin, taken: StagedPlugin): string {
  const why =
    compareVersions(taken.version, plugin.version) > 0
      ? "newer"
      : "the same version, later in the search path";
  return (
    `${plugin.name} ${taken.version} of ${taken.folder} is taken, not ${plugin.version} of ${plugin.folder}: ` +
    `it is ${why}`
  );
}
