import { escapeControls, escapeJson, escapeLines } from "../escape.js";

/** Where a command writes: `text` is written as it is, so guest-chosen strings go through {@link printable} first. */
export interface Terminal {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** May colours and cursor movements be used on stdout? */
  readonly interactive: boolean;
}

/** The process's own terminal. A command whose reader goes away (`vmmsched ps | head`) ends quietly, with exit code 1. */
export function processTerminal(): Terminal {
  process.stdout.once("error", () => process.exit(1));
  return {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    interactive: process.stdout.isTTY,
  };
}

/** Control characters as `\x1b`, newlines too: for what guests choose, within a line of ours. */
export const printable = escapeControls;

/** A terminal that gets nothing but text and line ends, whatever a command forgets to make {@link printable}. */
export function screened({ stdout, stderr, interactive }: Terminal): Terminal {
  return {
    stdout: (text) => stdout(escapeLines(text)),
    stderr: (text) => stderr(escapeLines(text)),
    interactive,
  };
}

/** JSON on one line, with the control characters escaped that JSON itself leaves alone. */
export function jsonLine(value: unknown): string {
  return escapeJson(JSON.stringify(value));
}

/** Breaks long lines at spaces; continued lines keep their indentation. */
export function wrapLines(text: string, columns = 96): string {
  return text
    .split("\n")
    .map((line) => wrapLine(line, columns))
    .join("\n");
}

function wrapLine(line: string, columns: number): string {
  const indent = /^ */.exec(line)?.[0] ?? "";
  const lines: string[] = [];
  let current = "";
  for (const word of line.trimStart().split(" ")) {
    if (current !== "" && indent.length + current.length + 1 + word.length > columns) {
      lines.push(indent + current);
      current = word;
    } else {
      current = current === "" ? word : `${current} ${word}`;
    }
  }
  return [...lines, indent + current].join("\n");
}
