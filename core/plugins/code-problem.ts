import { join } from "node:path";
import { VmmschedError } from "../errors.js";

/** Something wrong in a module of a plugin, at a place of the author's own file; line and column count from 1. */
export interface CodeProblem {
  /** Relative to the plugin's folder. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
  /** What to say about it; several lines are possible. */
  readonly text: string;
}

/** A problem at an offset in `code`, which has the lines and columns of the author's file. */
export function problemAt(path: string, code: string, offset: number, text: string): CodeProblem {
  const before = code.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { path, line: before.split("\n").length, column: offset - lineStart + 1, text };
}

/** One error that lists all problems of the code in `folder`, each with its line; `textOf` gives a file's text. */
export function codeError(
  folder: string,
  problems: readonly CodeProblem[],
  textOf: (path: string) => string | undefined,
): VmmschedError {
  const entries = problems.map(({ path, line, column, text }) => {
    const said = [text, ...excerpt(textOf(path), line, column)].join("\n");
    return `  ${join(folder, path)}:${line}:${column}\n${said.replace(/^/gm, "    ")}`;
  });
  const count = problems.length === 1 ? "1 error" : `${problems.length} errors`;
  return new VmmschedError(
    "ERR_PLUGIN_INVALID",
    `${count} in the code of ${folder}:\n${entries.join("\n")}\n`,
    { folder },
  );
}

const width = 100;

/** The line and a caret below it; of a long line the part around the caret. */
function excerpt(text: string | undefined, line: number, column: number): readonly string[] {
  const whole = text?.split(/\r?\n/)[line - 1];
  if (whole === undefined || whole.trim() === "") return [];
  const from = column > width ? column - width / 2 : 0;
  const shown = whole.slice(from, from + width);
  const before = shown.slice(0, column - 1 - from).replace(/[^\t]/g, " ");
  return [`| ${shown}`, `| ${before}^`];
}
