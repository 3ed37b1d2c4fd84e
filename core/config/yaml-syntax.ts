import { Composer, isScalar, Parser, visit, type CST, type Document, type YAMLError } from "yaml";
import { deepestNesting, lineOf, type SyntaxFault } from "./json-syntax.js";
import { messageOf } from "../errors.js";

/** A YAML document, or what is wrong with its text. */
export type ParsedYaml = { readonly document: Document } | { readonly faults: readonly SyntaxFault[] };

/** Parses a text that holds one YAML document. */
export function parseYaml(text: string): ParsedYaml {
  const tokens = [...new Parser().parse(text)];
  if (nesting(tokens) > deepestNesting)
    return { faults: [{ offset: 0, text: `nested more than ${deepestNesting} levels deep` }] };
  const [document, second] = new Composer({ uniqueKeys: false }).compose(tokens, true, text.length);
  if (document === undefined) return { faults: [{ offset: 0, text: "the file holds no document" }] };
  const faults = [...document.errors, ...document.warnings].map((fault) => {
    return unclosedText(fault, document) ?? plainFault(fault, text);
  });
  if (second !== undefined)
    faults.push({ offset: second.range[0], text: "a second document begins here (---); a file holds one" });
  if (faults.length === 0) faults.push(...repeatedKeys(document, text), ...expansion(document));
  return faults.length > 0 ? { faults: distinct(faults, text) } : { document };
}

/** Depth of a document, found without recursion: the parsers of what follows recurse, and a deep text would end them. */
function nesting(tokens: readonly CST.Token[]): number {
  let depth = 0;
  let level: readonly unknown[] = tokens;
  while (level.length > 0 && depth <= deepestNesting + 3) {
    level = level.flatMap(children);
    depth++;
  }
  return depth - 2;
}

function children(token: unknown): readonly unknown[] {
  if (typeof token !== "object" || token === null) return [];
  const { value, key, items } = token as Readonly<Record<string, unknown>>;
  const found = [value, key].filter((each) => typeof each === "object" && each !== null);
  return Array.isArray(items) ? [...found, ...items.flatMap(children)] : found;
}

/** What yaml's messages mean to somebody who writes a configuration. */
function plainFault({ code, message, pos }: YAMLError, text: string): SyntaxFault {
  const offset = pos[0];
  const here = text.slice(offset, offset + 1);
  switch (code) {
    case "TAB_AS_INDENT":
      return { offset, text: "a tab stands where the line is indented; use spaces" };
    case "BAD_INDENT":
      return /end with a (.)/.test(message)
        ? {
            offset,
            text: `a ${message.slice(-1)} is missing, or the lines inside of the brackets are not indented`,
          }
        : {
            offset,
            text: "this line fits neither the group above it nor a new one: look at its indentation, and at whether the group has keys or list items (- )",
          };
    case "BLOCK_AS_IMPLICIT_KEY":
      return { offset, text: `a second ": " in one line; put the value in quotes, or begin a new line` };
    case "MULTILINE_IMPLICIT_KEY":
      return { offset, text: `a colon and a space (key: value) are missing in this line` };
    case "BAD_SCALAR_START":
      return { offset, text: `a value that begins with ${here} must stand in quotes` };
    case "BAD_ALIAS":
      return { offset, text: `* refers to an anchor here; put a pattern that begins with * in quotes` };
    case "BAD_DQ_ESCAPE":
      return {
        offset,
        text: `${text.slice(offset, offset + 2)} is no escape; write \\\\, or use single quotes`,
      };
    case "TAG_RESOLVE_FAILED":
      return { offset, text: `unknown tag ${text.slice(...pos)}; put a value that begins with ! in quotes` };
    case "MISSING_CHAR":
      return { offset, text: missing(message) };
    case "UNEXPECTED_TOKEN":
      return {
        offset,
        text: `${here} is not expected here; look at the indentation and the quotes before it`,
      };
    default:
      return { offset, text: message };
  }
}

/** A text without its closing quote goes on to the end of the file: where it begins is what helps. */
function unclosedText({ code, message, pos }: YAMLError, document: Document): SyntaxFault | undefined {
  if (code !== "MISSING_CHAR" || !message.startsWith("Missing closing")) return undefined;
  let offset = pos[0];
  visit(document, {
    Scalar(_, { type, range }) {
      const isQuoted = type === "QUOTE_DOUBLE" || type === "QUOTE_SINGLE";
      if (isQuoted && range && range[1] >= pos[0]) offset = range[0];
    },
  });
  return { offset, text: "the closing quote of this text is missing" };
}

function missing(message: string): string {
  if (message.startsWith("Sequence item"))
    return `this belongs to a list: begin it with "- ", or indent it like the keys above`;
  return message;
}

/** A fault brings others behind it: only the first in a line is told. */
function distinct(faults: readonly SyntaxFault[], text: string): readonly SyntaxFault[] {
  const byLine = new Map<number, SyntaxFault>();
  for (const fault of [...faults].sort((a, b) => a.offset - b.offset)) {
    const line = lineOf(text, fault.offset);
    if (!byLine.has(line)) byLine.set(line, fault);
  }
  return [...byLine.values()];
}

function repeatedKeys(document: Document, text: string): readonly SyntaxFault[] {
  const faults: SyntaxFault[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Map<string, number>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        const offset = key.range?.[0] ?? 0;
        const before = seen.get(name);
        if (before === undefined) seen.set(name, offset);
        else {
          const said = `the key ${JSON.stringify(name)} stands twice in one object; first in line ${lineOf(text, before)}`;
          faults.push({ offset, text: said });
        }
      }
    },
  });
  return faults;
}

/** Aliases without an anchor, and those that expand without end, are found on expansion. */
function expansion(document: Document): readonly SyntaxFault[] {
  const faults: SyntaxFault[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined)
        faults.push({
          offset: alias.range?.[0] ?? 0,
          text: `* refers to an anchor, and there is no &${alias.source} before it; put a pattern that begins with * in quotes`,
        });
    },
  });
  if (faults.length > 0) return faults;
  try {
    document.toJS();
    return [];
  } catch (error) {
    return [{ offset: 0, text: `its aliases cannot be expanded: ${messageOf(error)}` }];
  }
}
