import type { Export, Import } from "es-module-lexer/js";
import { compileFunction } from "node:vm";
import { problemAt, type CodeProblem } from "./code-problem.js";

/**
 * What the engine itself refuses in a module that a lenient parser takes (decorators, names declared twice). For a module
 * it tells no place, so it is asked about a function: the same code on the same lines, strict and asynchronous,
 * its imports and exports blanked.
 */
export function earlyError(
  path: string,
  code: string,
  imports: readonly Import[],
  exports: readonly Export[],
): CodeProblem | undefined {
  const body = withoutExports(withoutImports(code, imports), exports);
  try {
    // A Script would never be freed by Node.js 20.
    compileFunction(`"use strict";async()=>{\n${body}\n}`, [], { filename: path, lineOffset: -1 });
    return undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The stack begins with "path:line", the line and a row of carets below the place.
    const [where = "", , carets = ""] = error.stack?.split("\n") ?? [];
    const line = Math.max(Number(/:(\d+)$/.exec(where)?.[1] ?? 1), 1);
    const column = Math.max(carets.indexOf("^"), 0) + 1;
    const decorator = code.split("\n")[line - 1]?.[column - 1] === "@";
    return { path, line, column, text: decorator ? "decorators are not supported" : error.message };
  }
}

function withoutImports(code: string, imports: readonly Import[]): string {
  let result = code;
  for (const { type, importStart, importEnd } of imports) {
    if (type === "dynamic") continue;
    const blank = blanked(code.slice(importStart, importEnd));
    result = replaced(result, importStart, type === "import-meta" ? `({${blank.slice(4)}})` : blank);
  }
  return result;
}

/** `export {`, with comments between. */
const list = /^export(?:\s|\/\*[^]*?\*\/|\/\/.*)*\{[^}]*\}/;

function withoutExports(code: string, exports: readonly Export[]): string {
  let result = code;
  for (const exported of exports) {
    if (exported.type !== "direct") continue;
    const { name, exportStart: start } = exported;
    if (!result.startsWith("export", start)) continue;
    const names = list.exec(result.slice(start))?.[0];
    const end = names === undefined && name === "default" ? exported.end : start + (names ?? "export").length;
    const blank = blanked(code.slice(start, end));
    // What is exported without a name may be any expression.
    const unnamed = exported.localStart === -1;
    result = replaced(result, start, unnamed ? `_=${blank.slice(2)}` : blank);
  }
  return result;
}

function blanked(text: string): string {
  return text.replace(/[^\r\n]/g, " ");
}

function replaced(code: string, start: number, by: string): string {
  return code.slice(0, start) + by + code.slice(start + by.length);
}

/** The lexer's own complaint, if `code` is no module for it. */
export function lexerProblem(path: string, code: string, error: unknown): CodeProblem {
  const offset = error instanceof Error && "idx" in error && typeof error.idx === "number" ? error.idx : 0;
  return problemAt(path, code, offset, "the imports and exports cannot be parsed");
}
