import { Composer, isScalar, Parser, visit, type CST, type Document } from "yaml";
import { deepestNesting, lineOf, type SyntaxFault } from "./json-syntax.js";
import { messageOf } from "../errors.js";
import { yamlFault } from "./yaml-fault.js";

/** A YAML document, or what is wrong with its text. */
export type ParsedYaml = { readonly document: Document } | { readonly faults: readonly SyntaxFault[] };

/** Errors that are looked at: a text with more of them is no YAML at all. */
const most = 100;

/** Parses a text that holds one YAML document. */
export function parseYaml(text: string): ParsedYaml {
  const tokens = [...new Parser().parse(text)];
  if (nesting(tokens) > deepestNesting)
    return { faults: [{ offset: 0, text: `nested more than ${deepestNesting} levels deep` }] };
  const [document, second] = new Composer({ uniqueKeys: false, logLevel: "error" }).compose(
    tokens,
    true,
    text.length,
  );
  if (document === undefined) return { faults: [{ offset: 0, text: "the file holds no document" }] };
  // Behind one error the parser no longer knows where it is, and does not expect much of what follows.
  const errors = [...document.errors, ...document.warnings]
    .slice(0, most)
    .filter(({ code }, index) => index === 0 || code !== "UNEXPECTED_TOKEN");
  const faults = errors.map((error) => yamlFault(error, document, text));
  if (second !== undefined)
    faults.push({ offset: second.range[0], text: "a second document begins here (---); a file holds one" });
  if (faults.length === 0) faults.push(...unsuitableKeys(document, text), ...expansion(document));
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

/** A fault brings others behind it: only the first in a line is told. */
function distinct(faults: readonly SyntaxFault[], text: string): readonly SyntaxFault[] {
  const byLine = new Map<number, SyntaxFault>();
  for (const fault of [...faults].sort((a, b) => a.offset - b.offset)) {
    const line = lineOf(text, fault.offset);
    if (!byLine.has(line)) byLine.set(line, fault);
  }
  return [...byLine.values()];
}

function unsuitableKeys(document: Document, text: string): readonly SyntaxFault[] {
  const faults: SyntaxFault[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Map<string, number>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        const offset = key.range?.[0] ?? 0;
        if (name === "<<")
          faults.push({ offset, text: "merge keys (<<) are not read here; write the keys out" });
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

/** Aliases without an anchor, within what they stand for, or that expand without end. */
function expansion(document: Document): readonly SyntaxFault[] {
  const faults: SyntaxFault[] = [];
  visit(document, {
    Alias(_, alias, ancestors) {
      const target = alias.resolve(document);
      const offset = alias.range?.[0] ?? 0;
      if (target === undefined) {
        const text = `* refers to an anchor, and there is no &${alias.source} before it; put a pattern that begins with * in quotes`;
        faults.push({ offset, text });
      } else if (ancestors.includes(target))
        faults.push({ offset, text: `*${alias.source} stands inside of &${alias.source} itself` });
    },
  });
  if (faults.length > 0) return faults;
  try {
    document.toJS();
    return [];
  } catch (error) {
    const why = messageOf(error).startsWith("Excessive alias count")
      ? "its aliases (*) stand for too much; write out what they repeat"
      : `its aliases cannot be expanded: ${messageOf(error)}`;
    return [{ offset: 0, text: why }];
  }
}
