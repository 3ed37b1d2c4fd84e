import { problemAt, type CodeProblem } from "./code-problem.js";
import { earlyError, lexerProblem } from "./early-errors.js";
import { checkImport, missing, moduleNamed } from "./imports.js";
import type { Manifest } from "./manifest.js";
import { moduleSyntax, type ModuleSyntax } from "./module-syntax.js";
import { textOf, type PluginSource } from "./plugin-source.js";
import { stripTypes } from "./strip-types.js";

/** A module of a plugin as it is imported: JavaScript on the lines and columns of the author's file. */
export interface PluginModule {
  /** The author's file, relative to the plugin's folder. */
  readonly original: string;
  /** The file to import, relative to the staged folder. */
  readonly path: string;
  readonly code: string;
}

/** The modules that the entry needs, entry first, and everything that is wrong with them. */
export interface PluginModules {
  readonly modules: readonly PluginModule[];
  readonly problems: readonly CodeProblem[];
}

/** Reads the entry of a plugin and all that it imports. Files that are not reached are not looked at. */
export function pluginModules(source: PluginSource, manifest: Manifest): PluginModules {
  const problems: CodeProblem[] = [];
  const modules: PluginModule[] = [];
  const entry = moduleNamed(source, manifest.entry);
  if (entry === undefined) return { modules, problems: [noEntry(source, manifest.entry)] };

  const reached = new Set([entry]);
  for (const original of reached) {
    const module = readModule(source, manifest.kind, original);
    problems.push(...module.problems);
    if (original === entry && module.exportsDefault === false) problems.push(noDefault(entry, manifest.kind));
    for (const imported of module.imported) reached.add(imported);
    const path = stagedName(original);
    const twin = modules.find((each) => each.path === path);
    if (twin !== undefined)
      problems.push({ ...start(original), text: `${twin.original} is used too; use only one of the two` });
    modules.push({ original, path, code: module.code });
  }
  return { modules, problems };
}

interface ReadModule {
  readonly code: string;
  readonly problems: readonly CodeProblem[];
  /** Modules of the plugin. */
  readonly imported: readonly string[];
  /** Undefined when that is not known, since the module cannot be parsed. */
  readonly exportsDefault?: boolean;
}

function readModule(source: PluginSource, kind: Manifest["kind"], path: string): ReadModule {
  const bad = (problem: CodeProblem): ReadModule => ({ code: "", problems: [problem], imported: [] });
  const text = textOf(source, path) ?? "";
  const parsed = path.endsWith(".ts") ? parseTypeScript(path, text) : parseJavaScript(path, text);
  if ("text" in parsed) return bad(parsed);
  const { code, imports, exports } = parsed;

  const problems: CodeProblem[] = [];
  const imported: string[] = [];
  let rewritten = code;
  // From the end, so that the places of those before stay true.
  for (const each of [...imports].reverse()) {
    if (each.kind === "import.meta") continue;
    const verdict = checkImport(source, kind, path, code, each);
    if ("text" in verdict) problems.unshift(verdict);
    else if (verdict.module !== undefined) {
      imported.unshift(verdict.module);
      const specifier = code.slice(each.start, each.end);
      rewritten = rewritten.slice(0, each.start) + stagedName(specifier) + rewritten.slice(each.end);
    }
  }
  const exportsDefault = exports.some(({ name }) => name === "default");
  return { code: rewritten, problems, imported, exportsDefault };
}

interface ParsedModule extends ModuleSyntax {
  readonly code: string;
}

function parseTypeScript(path: string, text: string): ParsedModule | CodeProblem {
  const stripped = stripTypes(path, text);
  return typeof stripped === "string" ? parseModule(path, stripped) : stripped;
}

/** Only for code that cannot be parsed the parser of types is asked, which says better why, but takes its time to load. */
function parseJavaScript(path: string, text: string): ParsedModule | CodeProblem {
  const parsed = parseModule(path, text);
  if (!("text" in parsed)) return parsed;
  const stripped = stripTypes(path, text);
  return typeof stripped === "string" ? parsed : stripped;
}

function parseModule(path: string, text: string): ParsedModule | CodeProblem {
  const code = withoutEmptyImports(text);
  let syntax: ModuleSyntax;
  try {
    syntax = moduleSyntax(code);
  } catch (error) {
    return lexerProblem(path, code, error);
  }
  return earlyError(path, code, syntax) ?? { code, ...syntax };
}

/** `x.ts` is staged as `x.js`; of a specifier that may be in quotes, nothing else changes. */
export function stagedName(path: string): string {
  return path.replace(/\.ts(["'`]?\s*)$/, ".js$1");
}

/** `import { type A } from "x"` loses its names with the types, but would still load the module. */
function withoutEmptyImports(code: string): string {
  const empty = /^([ \t]*)((?:import|export)\s*\{[\s,]*\}\s*from\s*(["'])vmmsched\/plugin-api\3)/gm;
  return code.replace(
    empty,
    (_, indent: string, statement: string) => indent + statement.replace(/[^\r\n]/g, " "),
  );
}

function start(path: string) {
  return { path, line: 1, column: 1 };
}

function noEntry(source: PluginSource, entry: string): CodeProblem {
  const manifest = textOf(source, "plugin.json") ?? "";
  const offset = Math.max(manifest.search(/"entry"\s*:/), 0);
  return problemAt("plugin.json", manifest, offset, `/entry: ${missing(source, entry)}`);
}

function noDefault(entry: string, kind: Manifest["kind"]): CodeProblem {
  const shape = kind === "policy" ? "decide(host, options, state)" : "attach(domain, options)";
  return {
    ...start(entry),
    text: `it has no default export; a ${kind} is one: export default { ${shape} { ... } }`,
  };
}
