import { posix } from "node:path";
import { schemaCheck, type SchemaCheck } from "../config/schema-check.js";
import { schemaFaults } from "../config/schema-soundness.js";
import { isSchema } from "../config/schema-words.js";
import { tryParseSource, type SourceDocument } from "../config/source-document.js";
import { allowedList, quote, suggestion } from "../config/wording.js";
import { VmmschedError } from "../errors.js";
import type { GuestProfileManifest, Manifest } from "./manifest.js";

const hint = "the layout schema that plugin.json names says what a layout file holds";

/**
 * Checks the layout files of a guest profile and returns their contents by path; none for a plugin without `layouts`.
 * `files` are the texts of the plugin's files by path relative to the plugin; `describe` names one of them in messages.
 * Throws ERR_PLUGIN_INVALID with all that is wrong in all of them at once.
 */
export function checkLayouts(
  manifest: Manifest,
  files: ReadonlyMap<string, string>,
  describe: (path: string) => string,
): ReadonlyMap<string, unknown> {
  if (manifest.kind === "policy" || manifest.layouts === undefined) return new Map();
  const invalid = (reports: readonly string[]) =>
    new VmmschedError("ERR_PLUGIN_INVALID", [...reports, hint].join("\n"), { plugin: manifest.name });

  const schemaFile = posix.normalize(manifest.layouts.schema);
  const directory = posix.join(manifest.layouts.directory, "/").replace(/^\.\//, "");
  const read = (path: string) => tryParseSource(describe(path), files.get(path) ?? "");
  const paths = [...files.keys()].filter((path) => isLayout(path, directory) && path !== schemaFile).sort();

  const reports = absent(manifest, schemaFile, paths, files);
  const check = files.has(schemaFile) ? layoutCheck(read(schemaFile)) : undefined;
  if (typeof check === "string") reports.push(check);
  const layouts = new Map<string, unknown>();
  for (const path of paths) {
    const layout = read(path);
    const report = typeof layout === "string" ? layout : reportOf(layout, check);
    if (report !== undefined) reports.push(report);
    else if (typeof layout !== "string") layouts.set(path, layout.value);
  }
  if (reports.length > 0) throw invalid(reports);
  return layouts;
}

function isLayout(path: string, directory: string): boolean {
  return path.startsWith(directory) && path.endsWith(".json") && path !== "plugin.json";
}

/** What the manifest names and the folder does not have. */
function absent(
  { name, layouts }: GuestProfileManifest,
  schemaFile: string,
  paths: readonly string[],
  files: ReadonlyMap<string, string>,
): string[] {
  const reports: string[] = [];
  if (!files.has(schemaFile)) {
    const known = [...files.keys()].filter((path) => path.endsWith(".json"));
    reports.push(
      `plugin ${quote(name)} has no file ${quote(schemaFile)}, which is the layout schema by its plugin.json` +
        `${suggestion(schemaFile, known)}\n  found: ${known.join(", ")}`,
    );
  }
  if (paths.length === 0)
    reports.push(
      `plugin ${quote(name)} has no .json file in ${quote(layouts?.directory)}, its directory of layouts`,
    );
  return reports;
}

/** The check of layouts by their schema, or the report of what is wrong with the schema. */
function layoutCheck(source: SourceDocument | string): SchemaCheck | string {
  if (typeof source === "string") return source;
  const { value } = source;
  if (!isSchema(value))
    return source.report([
      { path: [], text: `found ${quote(value)}\n${allowedList(["a JSON Schema, an object"])}` },
    ]);
  const faults = schemaFaults(value);
  return faults.length > 0 ? source.report(faults) : schemaCheck(value);
}

function reportOf(layout: SourceDocument, check: SchemaCheck | string | undefined): string | undefined {
  const problems = typeof check === "function" ? check(layout.value) : [];
  return problems.length > 0 ? layout.report(problems) : undefined;
}
