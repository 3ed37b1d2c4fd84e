import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "../cli/composition.js";
import type { LoadedConfig } from "../config/load.js";
import { isVmmschedError, messageOf } from "../errors.js";
import { requireOwnPath } from "../permissions/own-path.js";
import { isPluginFolder, listDirectory } from "../plugins/search.js";
import { readPluginSource } from "../plugins/plugin-source.js";
import { built, bundledPlugins, operatorsPlugins } from "./places.js";

/** Who can change what decides over guests: the program, its configuration, its plugins, its runtime directory. */
export function examinePermissions({ values, source }: LoadedConfig): readonly Check[] {
  const directories = [...operatorsPlugins, ...values.pluginDirectories];
  return [
    check("permissions of vmmsched", [built, ...bundledPlugins.flatMap(entriesOf)], requireOwnPath),
    check("permissions of the configuration", existsSync(source.file) ? [source.file] : [], requireOwnPath),
    check("permissions of plugins", directories, (directory) => {
      requireOwnPath(directory);
      for (const folder of listDirectory(directory).folders)
        if (isPluginFolder(folder)) readPluginSource(folder, "own");
    }),
    check("permissions of the runtime directory", [values.runtimeDirectory], requireOwnPath),
  ];
}

function entriesOf(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
}

/** The first path that is not in order. What is wrong with a plugin beside its permissions is told elsewhere. */
function check(name: string, paths: readonly string[], look: (path: string) => void): Check {
  for (const path of paths) {
    try {
      look(path);
    } catch (error) {
      if (isVmmschedError(error) && !isVmmschedError(error, "ERR_UNSAFE_PERMISSIONS")) continue;
      const [found = "", mend] = messageOf(error).split("\nmend: ");
      return {
        name,
        ok: false,
        found,
        ...(mend === undefined ? {} : { mend: mend.replace(/ \[\w+\]$/, "") }),
      };
    }
  }
  return { name, ok: true, found: "only root and the user of this process can change it" };
}
