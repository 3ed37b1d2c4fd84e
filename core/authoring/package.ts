import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of the package vmmsched; this file is dist/core/authoring/package.js in it. */
export const packageRoot = fileURLToPath(new URL("../../..", import.meta.url));

/** The JSON Schema of plugin.json, for editors. */
export const pluginSchemaFile = join(packageRoot, "docs/plugin.schema.json");

/** Declarations of what plugins and their tests import, by specifier. */
export const declarations = {
  "vmmsched/plugin-api": join(packageRoot, "dist/core/plugin-api.d.ts"),
  "vmmsched/testing": join(packageRoot, "dist/core/testing.d.ts"),
  "vmmsched/simulated": join(packageRoot, "dist/native/simulated/simulated-machine.d.ts"),
} as const;

/** Folder of the bundled plugin of this name; undefined when there is none. */
export function bundledPlugin(name: string): string | undefined {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) return undefined;
  return ["plugins", "guest-profiles"]
    .map((kind) => join(packageRoot, "dist", kind, name))
    .find((folder) => existsSync(join(folder, "plugin.json")));
}
