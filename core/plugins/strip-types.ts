import { createRequire } from "node:module";
import type * as Swc from "@swc/wasm-typescript";
import { messageOf } from "../errors.js";
import { problemAt, type CodeProblem } from "./code-problem.js";

/** What swc throws for code that it cannot strip; columns count from 0. */
interface SwcError {
  readonly code: string;
  readonly message: string;
  readonly startLine: number;
  readonly startColumn: number;
}

/** Loaded when the first TypeScript is met: it takes longer than all else that reading plugins needs. */
let swc: typeof Swc | undefined;

const vanishing =
  "types are removed at load and nothing is compiled: no enum, no namespace with code, no parameter property, no <T>cast";

/**
 * The JavaScript of a module, on the same lines and columns: types of a `.ts` become blanks, a `.js` stays as it is.
 * What cannot be parsed is the problem that is returned instead.
 */
export function stripTypes(path: string, text: string): string | CodeProblem {
  try {
    swc ??= createRequire(import.meta.url)("@swc/wasm-typescript") as typeof Swc;
    const { code } = swc.transformSync(text, { mode: "strip-only", module: true, filename: path });
    if (path.endsWith(".ts") || code === text) return code;
    let typed = 0;
    while (code[typed] === text[typed]) typed++;
    const name = path.replace(/js$/, "ts");
    return problemAt(path, text, typed, `a .js file has no types; name it ${name}`);
  } catch (error) {
    if (!isSwcError(error))
      return { path, line: 1, column: 1, text: `cannot be parsed: ${messageOf(error)}` };
    const { startLine: line, startColumn, message } = error;
    const said = error.code === "UnsupportedSyntax" ? `${message}\n${vanishing}` : message;
    return { path, line, column: startColumn + 1, text: said };
  }
}

function isSwcError(error: unknown): error is SwcError {
  return typeof error === "object" && error !== null && "startLine" in error;
}
