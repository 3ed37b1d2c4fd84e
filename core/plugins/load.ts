import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { VmmschedError, messageOf } from "../errors.js";
import type { GuestProfile } from "../guest-profile.js";
import type { Policy } from "../policy.js";
import { readManifest, type LoadedManifest } from "./manifest.js";

/** A plugin whose code is loaded and has the shape of its kind. */
export type LoadedPlugin = LoadedPolicy | LoadedProfile;

export interface LoadedPolicy extends LoadedManifest {
  readonly kind: "policy";
  readonly code: Policy;
}

export interface LoadedProfile extends LoadedManifest {
  readonly kind: "guest-profile";
  readonly code: GuestProfile;
}

/** The function without which a plugin of its kind is none. */
const essential = { policy: "decide", "guest-profile": "attach" } as const;

/**
 * Loads every plugin in these folders: each subfolder with a plugin.json is one. Throws ERR_PLUGIN_INVALID for the
 * first that is not valid.
 */
export async function loadPlugins(folders: readonly string[]): Promise<readonly LoadedPlugin[]> {
  const plugins: LoadedPlugin[] = [];
  for (const folder of folders.flatMap(pluginFolders)) plugins.push(await loadPlugin(folder));
  return plugins;
}

/** Loads the plugin in `folder`. Throws ERR_PLUGIN_INVALID. */
export async function loadPlugin(folder: string): Promise<LoadedPlugin> {
  const loaded = readManifest(join(folder, "plugin.json"));
  const { kind, name, entry } = loaded.manifest;
  const code = await defaultExport(join(folder, entry), name);
  if (!hasFunction(code, essential[kind])) {
    throw new VmmschedError(
      "ERR_PLUGIN_INVALID",
      `the default export of ${entry} of plugin ${name} has no function ${essential[kind]}, as a ${kind} must`,
      { plugin: name },
    );
  }
  return kind === "policy"
    ? { ...loaded, kind, code: code as unknown as Policy }
    : { ...loaded, kind, code: code as unknown as GuestProfile };
}

function pluginFolders(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "plugin.json")));
  return names.sort().map((name) => join(folder, name));
}

async function defaultExport(file: string, plugin: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
    return module.default;
  } catch (error) {
    const message = `plugin ${plugin} could not be loaded from ${file}: ${messageOf(error)}`;
    throw new VmmschedError("ERR_PLUGIN_INVALID", message, { plugin }, { cause: error });
  }
}

function hasFunction(value: unknown, name: string): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Record<string, unknown>)[name] === "function"
  );
}
