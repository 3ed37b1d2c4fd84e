import { transformSync } from "@swc/wasm-typescript";
import { parse } from "es-module-lexer";
import { VmmschedError, messageOf } from "../errors.js";

/** What swc throws; it is no Error. */
interface SyntaxFault {
  readonly message: string;
  readonly snippet: string;
  readonly startLine: number;
  readonly startColumn: number;
}

/** One `import` of a module: what it names, and where (line and column from 1). */
export interface ImportOfModule {
  /** Undefined where it is computed. */
  readonly specifier: string | undefined;
  readonly line: number;
  readonly column: number;
}

export interface JavaScript {
  readonly code: string;
  readonly imports: readonly ImportOfModule[];
}

/**
 * A module of a plugin without its types; lines and columns stay where they are. Relative imports of `.ts` files become
 * imports of the `.js` files that they are staged as. `file` is for messages. Throws ERR_PLUGIN_INVALID.
 */
export function toJavaScript(text: string, file: string): JavaScript {
  const code = strip(text, file);
  const found = parse(code)[0].filter((each) => each.type !== "import-meta");
  const imports = found.map(({ specifier, start }) => ({ specifier, ...positionOf(code, start) }));
  const renamed = found.reduceRight((result, each) => {
    const name = result.slice(each.start, each.end);
    const short = name.replace(/^(["']?\.\.?\/.*)\.ts(["']?)$/, "$1.js$2");
    return result.slice(0, each.start) + short + result.slice(each.end);
  }, code);
  return { code: renamed, imports };
}

/** The name that a file of a plugin is staged under. */
export function stagedName(file: string): string {
  return file.replace(/\.ts$/, ".js");
}

function strip(text: string, file: string): string {
  try {
    return transformSync(text, { mode: "strip-only", module: true, filename: file }).code;
  } catch (fault) {
    if (typeof fault !== "object" || fault === null || !("snippet" in fault))
      throw new VmmschedError(
        "ERR_PLUGIN_INVALID",
        `${file}: ${messageOf(fault)}`,
        { file },
        { cause: fault },
      );
    const { message, snippet, startLine, startColumn } = fault as SyntaxFault;
    const at = `${file}:${String(startLine)}:${String(startColumn + 1)}`;
    throw new VmmschedError("ERR_PLUGIN_INVALID", `${at}: ${message}\n${snippet.trimEnd()}\n`, { file });
  }
}

function positionOf(code: string, offset: number): { readonly line: number; readonly column: number } {
  const before = code.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
