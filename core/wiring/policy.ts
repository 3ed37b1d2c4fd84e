import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { unknownPlugin } from "../control/socket/plugins-control.js";
import { VmmschedError } from "../errors.js";
import { loadPolicy } from "../plugins/load-policy.js";
import { readPluginSource } from "../plugins/plugin-source.js";
import { stagePlugin } from "../plugins/stage.js";
import { openStaging } from "../plugins/staging.js";
import { bundledPlugins } from "./places.js";

/** Loads the policy in a folder, or the bundled one of this name, into this thread. */
export async function openPolicy(folderOrName: string) {
  using staging = openStaging(mkdtempSync(join(tmpdir(), "vmmsched-")));
  const plugin = stagePlugin(readPluginSource(pluginFolder(folderOrName)), staging);
  if (plugin.kind !== "policy")
    throw new VmmschedError("ERR_PLUGIN_INVALID", `${folderOrName} is a ${plugin.kind}, not a policy`);
  return { ...plugin, policy: await loadPolicy(plugin) };
}

/** A folder, or that of the plugin of this name that comes along. Throws ERR_PLUGIN_UNKNOWN. */
function pluginFolder(folderOrName: string): string {
  if (existsSync(join(folderOrName, "plugin.json"))) return folderOrName;
  const bundled = bundledPlugins.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const found = bundled.find((folder) => basename(folder) === folderOrName);
  if (found !== undefined) return found;
  throw unknownPlugin(
    folderOrName,
    bundled.map((folder) => basename(folder)),
  );
}
