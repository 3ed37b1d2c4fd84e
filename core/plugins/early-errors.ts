import { compileFunction } from "node:vm";
import { problemAt, type CodeProblem } from "./code-problem.js";
import type { ModuleExport, ModuleImport, ModuleSyntax } from "./module-syntax.js";

/**
 * What the engine itself refuses in a module that a lenient parser takes (decorators, names declared twice). For a module
 * it tells no place, so it is asked about a function: the same code on the same lines, strict and asynchronous,
 * its imports and exports blanked.
 */
export function earlyError(
  path: string,
  code: string,
  { imports, exports }: ModuleSyntax,
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

function withoutImports(code: string, imports: readonly ModuleImport[]): string {
  let result = code;
  for (const { kind, statementStart, statementEnd } of imports) {
    if (kind === "dynamic") continue;
    const blank = blanked(code.slice(statementStart, statementEnd));
    result = replaced(result, statementStart, kind === "import.meta" ? `({${blank.slice(4)}})` : blank);
  }
  return result;
}

/** Between two words: white space and comments. */
const gap = String.raw`(?:\s|/\*[^]*?\*/|//.*)*`;
/** `export {`, to the end of the list. */
const list = new RegExp(String.raw`^export${gap}\{[^}]*\}`);
/** An export statement, from its beginning to the first name that it exports. */
const beginning = new RegExp(
  String.raw`\bexport${gap}(?:\{(?:(?!\bexport\b)[^}])*|class${gap}|(?:async${gap})?function${gap}\*?${gap}|` +
    String.raw`(?:const|let|var)${gap}(?:[{[](?:(?!\bexport\b)[^])*)?)?$`,
);

/** Further names of a statement find it blank already, as do names that are exported from another module. */
function withoutExports(code: string, exports: readonly ModuleExport[]): string {
  let result = code;
  for (const { name, start: nameStart, end: nameEnd, anonymous } of exports) {
    const start = beginning.exec(result.slice(0, nameStart))?.index;
    if (start === undefined) continue;
    const names = list.exec(result.slice(start))?.[0];
    const end = names === undefined && name === "default" ? nameEnd : start + (names ?? "export").length;
    const blank = blanked(code.slice(start, end));
    // What is exported without a name may be any expression.
    result = replaced(result, start, anonymous ? `_=${blank.slice(2)}` : blank);
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
