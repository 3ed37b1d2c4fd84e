import { readFileSync } from "node:fs";
import { isMap, isNode, isScalar, type Document, type Node } from "yaml";
import { VmmschedError, messageOf, type ErrorCode } from "../errors.js";
import { jsonFault, type SyntaxFault } from "./json-syntax.js";
import { parseYaml, type ParsedYaml } from "./yaml-syntax.js";

/** Problems told of one file: whoever reads more of them at once has another kind of problem. */
const most = 50;

/** Keys and indices from the root of a document to a value in it. */
export type DocumentPath = readonly (string | number)[];

/** Something wrong in a document: where, and what to say about it (several lines are possible). */
export interface Problem {
  readonly path: DocumentPath;
  readonly text: string;
}

/** A YAML or JSON file that remembers where its values stand. */
export interface SourceDocument {
  /** As the operator named it. */
  readonly file: string;
  readonly text: string;
  readonly value: unknown;
  /** `file:line:column` of the key or item at `path`, or of its nearest ancestor that is in the file. */
  position(path: DocumentPath): string;
  /** All problems in the order of the file, one below the other. */
  report(problems: readonly Problem[]): string;
  /** One error of that report. */
  error(code: ErrorCode, problems: readonly Problem[], hint: string): VmmschedError;
}

/** Codes to raise for a file that cannot be read, and for one that is not YAML or, by its name, JSON. */
export interface SourceErrors {
  readonly unreadable: ErrorCode;
  readonly invalid: ErrorCode;
}

/** Reads and parses `file`; throws `codes.unreadable` or, with all syntax errors, `codes.invalid`. */
export function readSource(file: string, codes: SourceErrors): SourceDocument {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new VmmschedError(
      codes.unreadable,
      `cannot read ${file}: ${messageOf(error)}`,
      { file },
      { cause: error },
    );
  }
  return parseSource(file, text, codes.invalid);
}

/** As {@link readSource}, of a text that `file` only names. */
export function parseSource(file: string, text: string, invalid: ErrorCode): SourceDocument {
  const parsed = tryParseSource(file, text);
  if (typeof parsed !== "string") return parsed;
  throw new VmmschedError(invalid, `${parsed}\nnothing else in it was checked`, { file });
}

/** As {@link parseSource}; a text that cannot be parsed gives the report of why. */
export function tryParseSource(file: string, text: string): SourceDocument | string {
  const content = text.replace(/^\uFEFF/, "");
  return file.endsWith(".json") ? parseJsonSource(file, content) : parseYamlSource(file, content);
}

function parseYamlSource(file: string, text: string): SourceDocument | string {
  const parsed = parseYaml(text);
  if ("faults" in parsed) return syntaxReport(file, text, "YAML", parsed.faults);
  // An empty file is an empty configuration.
  const value: unknown = parsed.document.toJS() ?? {};
  return sourceDocument(file, text, value, () => parsed.document);
}

/** JSON is YAML too; but it is only read as such, which takes longer, when a place in it is asked for. */
function parseJsonSource(file: string, text: string): SourceDocument | string {
  const fault = jsonFault(text);
  if (fault !== undefined) return syntaxReport(file, text, "JSON", [fault]);
  let parsed: ParsedYaml | undefined;
  return sourceDocument(file, text, JSON.parse(text), () => {
    parsed ??= parseYaml(text);
    return "document" in parsed ? parsed.document : undefined;
  });
}

function sourceDocument(
  file: string,
  text: string,
  value: unknown,
  document: () => Document | undefined,
): SourceDocument {
  const offset = (path: DocumentPath) => offsetOf(document(), path);
  const report = (problems: readonly Problem[]) => {
    const placed = problems.slice(0, most).map((problem) => ({ ...problem, offset: offset(problem.path) }));
    const entries = placed
      .sort((a, b) => a.offset - b.offset)
      .map(({ path, text: said, offset: at }) => {
        return `  ${place(file, text, at)} ${pointer(path)}\n${said.replace(/^/gm, "    ")}`;
      });
    if (problems.length > most) entries.push(`  and ${problems.length - most} more`);
    const count = problems.length === 1 ? "1 error" : `${problems.length} errors`;
    return `${count} in ${file}:\n${entries.join("\n")}`;
  };
  return {
    file,
    text,
    value,
    position: (path) => place(file, text, offset(path)),
    report,
    error: (code, problems, hint) => new VmmschedError(code, `${report(problems)}\n${hint}`, { file }),
  };
}

function syntaxReport(file: string, text: string, format: string, faults: readonly SyntaxFault[]): string {
  const entries = faults
    .slice(0, most)
    .map((fault) => `  ${place(file, text, fault.offset)}\n    ${fault.text}`);
  return `${file} is not valid ${format}:\n${entries.join("\n")}`;
}

function place(file: string, text: string, offset: number): string {
  const lines = text.slice(0, offset).split("\n");
  return `${file}:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** JSON pointer (RFC 6901) of a path; the root is `/` for readers' sake. */
export function pointer(path: DocumentPath): string {
  return "/" + path.map((part) => String(part).replaceAll("~", "~0").replaceAll("/", "~1")).join("/");
}

function offsetOf(document: Document | undefined, path: DocumentPath): number {
  for (let length = path.length; document !== undefined && length > 0; length--) {
    const node = keyOrItem(document, path.slice(0, length));
    if (node?.range) return node.range[0];
  }
  return document?.contents?.range?.[0] ?? 0;
}

/** The key in its map, or the item in its list: what a reader looks for. */
function keyOrItem(document: Document, path: DocumentPath): Node | undefined {
  const parent: unknown = document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isMap(parent)) {
    const key = parent.items
      .map((pair) => pair.key)
      .find((each) => isScalar(each) && String(each.value) === last);
    return isNode(key) ? key : undefined;
  }
  const item: unknown = document.getIn(path, true);
  return isNode(item) ? item : undefined;
}
