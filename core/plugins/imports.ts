import { isBuiltin } from "node:module";
import { join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { suggestion } from "../config/wording.js";
import { problemAt, type CodeProblem } from "./code-problem.js";
import type { Manifest } from "./manifest.js";
import type { ModuleImport } from "./module-syntax.js";
import type { PluginSource } from "./plugin-source.js";

type PluginKind = Manifest["kind"];

/** An import that a plugin may make: of one of its own files, or of a package that its kind may use. */
export interface AllowedImport {
  /** The module of the plugin, or undefined for a package. */
  readonly module: string | undefined;
}

/** Packages whose values a plugin may import; types vanish before this is asked. */
const packages: Readonly<Record<PluginKind, readonly string[]>> = {
  policy: [],
  // The way to cut long work into pieces, so that other domains are served meanwhile.
  "guest-profile": ["vmmsched/plugin-api", "node:timers/promises"],
};

/** Why there are no others. */
const rules: Readonly<Record<PluginKind, string>> = {
  policy:
    'policies are pure: no packages, no I/O. Allowed: own files ("./name.js"), and import type from "vmmsched/plugin-api"',
  "guest-profile":
    'allowed in a guest profile: "vmmsched/plugin-api", "node:timers/promises" and own files ("./name.js")',
};

/** Judges one import of the module `path`, whose code without types is `code`. */
export function checkImport(
  source: PluginSource,
  kind: PluginKind,
  path: string,
  code: string,
  found: ModuleImport,
): AllowedImport | CodeProblem {
  const refuse = (text: string) => problemAt(path, code, found.start, text);
  const { specifier } = found;
  if (specifier === undefined)
    return refuse("import() needs a plain string, so that it is known before the plugin runs");
  if (found.phase !== undefined) return refuse(`import ${found.phase} is not supported`);
  if (packages[kind].includes(specifier)) return { module: undefined };
  if (!/^\.\.?\//.test(specifier)) return refuse(foreign(kind, specifier));

  const target = targetOf(source.folder, path, specifier);
  if (target === undefined) return refuse(`"${specifier}" leads out of the plugin's folder`);
  if (!/\.[jt]s$/.test(target) && source.files.has(target)) {
    return refuse(
      `"${specifier}" is no module: only .js and .ts files can be imported; export data from one of these`,
    );
  }
  const module = moduleNamed(source, target);
  return module === undefined ? refuse(missing(source, target)) : { module };
}

/**
 * The file that `path` means: itself, or the `.ts` of the same name for a `.js` that is not there, as in TypeScript's own
 * imports.
 */
export function moduleNamed(source: PluginSource, path: string): string | undefined {
  const typed = path.replace(/\.js$/, ".ts");
  return [path, typed].find((each) => /\.[jt]s$/.test(each) && source.files.has(each));
}

/** "there is no ...", with the file that was probably meant, or all that there are. */
export function missing(source: PluginSource, path: string): string {
  const modules = [...source.files.keys()].filter((each) => /(?<!\.d)\.[jt]s$/.test(each));
  const extended = modules.find((each) => each.replace(/\.[jt]s$/, "") === path);
  const near = extended === undefined ? suggestion(path, modules) : `; did you mean "${extended}"?`;
  const listed = modules.length === 0 ? "none" : modules.slice(0, 20).join(", ");
  return `there is no file "${path}"${near}\nmodules of the plugin: ${listed}`;
}

/** As Node.js resolves it: a URL beside that of the importing module. Undefined when it leaves the folder. */
function targetOf(folder: string, path: string, specifier: string): string | undefined {
  const url = new URL(specifier, pathToFileURL(join(folder, path)));
  // A query makes a second copy of the same module; there is no file of that name.
  const file = fileURLToPath(new URL(url.pathname, url)) + url.search + url.hash;
  const inside = relative(folder, file);
  return inside.startsWith("..") ? undefined : inside.split(sep).join("/");
}

function foreign(kind: PluginKind, specifier: string): string {
  if (specifier === "vmmsched/plugin-api")
    return `a policy imports only types from "${specifier}": write import type { ... }\n${rules[kind]}`;
  const what = isBuiltin(specifier) ? "a module of Node.js" : "not one of the plugin's files";
  return `a ${kind} may not import "${specifier}", which is ${what}\n${rules[kind]}`;
}
