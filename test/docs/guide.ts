import { isDeepStrictEqual } from "node:util";

/** Something that a guide tells its reader to do, or to see; `line` is where the guide says so. */
export type GuideStep =
  | { readonly kind: "file"; readonly line: number; readonly file: string; readonly text: string }
  | {
      readonly kind: "command";
      readonly line: number;
      readonly terminal: "first" | "second";
      readonly text: string;
      /** What it prints, where the guide says so; `…` stands for anything. */
      readonly prints?: string;
    }
  | { readonly kind: "log"; readonly line: number; readonly expected: readonly object[] }
  | { readonly kind: "interrupt"; readonly line: number };

/** Blocks of code, and the one key that readers are asked to press. */
const marks = /^```(\S*) ?(\S*)\n(.*?)^```$|Press Ctrl-C in the\s+first terminal/gms;

/**
 * The steps of a guide. Of its blocks of code, `sh` is run, `text` is what the command before it prints, others are files
 * where they are followed by a file's name; `first-terminal` marks the command that goes on running, and its log.
 */
export function guideSteps(markdown: string): readonly GuideStep[] {
  const steps: GuideStep[] = [];
  for (const match of markdown.matchAll(marks)) {
    const [, language, label = "", text = ""] = match;
    const line = markdown.slice(0, match.index).split("\n").length;
    const last = steps.at(-1);
    if (language === undefined) steps.push({ kind: "interrupt", line });
    else if (language === "sh")
      steps.push({ kind: "command", line, terminal: label === "first-terminal" ? "first" : "second", text });
    else if (label === "first-terminal") steps.push({ kind: "log", line, expected: jsonLines(text) });
    else if (label !== "") steps.push({ kind: "file", line, file: label, text });
    else if (language === "text" && last?.kind === "command")
      steps[steps.length - 1] = { ...last, prints: text };
    else
      throw new Error(`line ${line}: what is this block of ${language} to a reader who follows the guide?`);
  }
  return steps;
}

function jsonLines(text: string): readonly object[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
}

/** Does `found` say what `expected` does? `…` is anything within a line, or any lines; more or fewer spaces are the same. */
export function saysAsExpected(found: string, expected: string): boolean {
  const spaced = (text: string) => text.trim().replace(/ +/g, " ");
  const pattern = spaced(expected)
    .split("\n")
    .map((line) => {
      if (line.trim() === "…") return "(?:.*\n)*";
      return `${line
        .trim()
        .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
        .replaceAll("…", ".*")}\n`;
    })
    .join("");
  const lines = spaced(found)
    .split("\n")
    .map((line) => `${line.trim()}\n`);
  return new RegExp(`^${pattern}$`).test(lines.join(""));
}

/** Are all of these fields in `found`? `…` in a text is anything. */
export function hasFields(found: object, expected: object): boolean {
  return Object.entries(expected).every(([key, value]) => {
    const there = (found as Record<string, unknown>)[key];
    if (typeof value !== "string" || typeof there !== "string") return isDeepStrictEqual(there, value);
    return saysAsExpected(there.replaceAll("\n", " "), value);
  });
}
