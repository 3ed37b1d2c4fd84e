import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { pluginCompilerOptions } from "./check-types.js";
import { declarations, pluginSchemaFile } from "./package.js";

/** What lets an editor complete and check the files of a plugin. */
export interface EditorSettings {
  /** Where `$schema` of plugin.json leads. */
  readonly schema: string;
  readonly tsconfig: object;
}

/**
 * For a plugin in `folder`. Where vmmsched is installed above it as a package, that is named, and the folder can move
 * along with it; elsewhere the vmmsched that runs is named by its place.
 */
export function editorSettings(folder: string): EditorSettings {
  const schema = installedSchema(dirname(folder));
  const paths = Object.fromEntries(Object.entries(declarations).map(([name, file]) => [name, [file]]));
  return {
    schema: schema === undefined ? pathToFileURL(pluginSchemaFile).href : relative(folder, schema),
    tsconfig: {
      compilerOptions: { ...pluginCompilerOptions, types: [], ...(schema === undefined && { paths }) },
      include: ["**/*"],
    },
  };
}

function installedSchema(directory: string): string | undefined {
  const file = join(directory, "node_modules/vmmsched/docs/plugin.schema.json");
  if (existsSync(file)) return file;
  return dirname(directory) === directory ? undefined : installedSchema(dirname(directory));
}
