import type { LoadedConfig } from "../config/load.js";

/** Keys that take effect as soon as the file is saved. */
const live = new Set(["policies", "policySets", "profiles", "pluginDirectories"]);

/** Keys that have changed and are read at the start only. */
export function changedAtStartOnly(
  { values: before }: LoadedConfig,
  { values: after }: LoadedConfig,
): readonly string[] {
  const names = Object.keys(after) as (keyof LoadedConfig["values"])[];
  return names.filter(
    (name) => !live.has(name) && JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
}
