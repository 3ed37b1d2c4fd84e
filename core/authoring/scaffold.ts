import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { VmmschedError } from "../errors.js";
import { editorSettings } from "./editor-settings.js";
import { guestProfileFiles } from "./new-guest-profile.js";
import { policyFiles } from "./new-policy.js";

export type PluginKind = "policy" | "guest-profile";

/** What to begin. */
export interface NewPlugin {
  readonly kind: PluginKind;
  readonly name: string;
  /** The folder is made in this directory, which is made where it is missing. */
  readonly directory: string;
  readonly typescript: boolean;
}

/** Texts of files, by their names. */
export type Files = Readonly<Record<string, string>>;

const longestName = 64;

/**
 * Makes the folder of a plugin that passes its check, all of it or nothing, and returns its path. Throws ERR_USAGE for a
 * name that a plugin cannot have, or that is taken.
 */
export function scaffold({ kind, name, directory, typescript }: NewPlugin): string {
  checkName(name);
  const folder = join(resolve(directory), name);
  if (existsSync(folder))
    throw new VmmschedError("ERR_USAGE", `${folder} exists already; choose another name or --directory`);
  const settings = editorSettings(folder);
  const files = kind === "policy" ? policyFiles(name, typescript) : guestProfileFiles(name, typescript);
  const manifest = { $schema: settings.schema, ...(JSON.parse(files["plugin.json"] ?? "{}") as object) };
  writeAtOnce(folder, {
    ...files,
    "plugin.json": json(manifest),
    "tsconfig.json": json(settings.tsconfig),
  });
  return folder;
}

function checkName(name: string): void {
  if (/^[a-z][a-z0-9-]*$/.test(name) && name.length <= longestName) return;
  const words = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const better = words
    .replace(/^[^a-z]+/, "")
    .slice(0, longestName)
    .replace(/-$/, "");
  const advice = better === "" ? "" : `; how about ${better}?`;
  throw new VmmschedError(
    "ERR_USAGE",
    `"${name}" cannot be the name of a plugin: lower-case letters, digits and dashes, beginning with a letter, ` +
      `at most ${String(longestName)} in all${advice}`,
  );
}

/** Whoever looks at the folder while it is being made sees all of it or nothing: a scheduler may be watching. */
function writeAtOnce(folder: string, files: Files): void {
  mkdirSync(dirname(folder), { recursive: true });
  const unfinished = join(dirname(folder), `.new-${basename(folder)}-${String(process.pid)}`);
  try {
    mkdirSync(unfinished);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(unfinished, file), text);
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
