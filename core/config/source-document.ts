import { readFileSync } from "node:fs";
import { LineCounter, isMap, isNode, isScalar, parseDocument, type Document, type Node } from "yaml";
import { VmmschedError, messageOf, type ErrorCode } from "../errors.js";

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
  readonly value: unknown;
  /** `file:line:column` of the key or item at `path`, or of its nearest ancestor that is in the file. */
  position(path: DocumentPath): string;
  /** One error that lists all problems in the order of the file. */
  error(code: ErrorCode, problems: readonly Problem[], hint: string): VmmschedError;
}

/** Codes to raise for a file that cannot be read, and for one that is not YAML (JSON is YAML). */
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
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${String(Math.max(line, 1))}:${String(Math.max(col, 1))}`;
  };
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const found = faults.map((fault) => `  ${at(fault.pos[0])}\n    ${fault.message}`);
    throw new VmmschedError(invalid, `${file} is not valid YAML:\n${found.join("\n")}\n `, { file });
  }
  const offset = (path: DocumentPath) => offsetOf(document, path);
  return {
    file,
    value: valueOf(document, file, invalid),
    position: (path) => at(offset(path)),
    error(code, problems, hint) {
      const ordered = [...problems].sort((a, b) => offset(a.path) - offset(b.path));
      const entries = ordered.map(({ path, text: said }) => {
        return `  ${at(offset(path))} ${pointer(path)}\n${said.replace(/^/gm, "    ")}`;
      });
      const count = entries.length === 1 ? "1 error" : `${entries.length} errors`;
      return new VmmschedError(code, `${count} in ${file}:\n${entries.join("\n")}\n${hint}`, { file });
    },
  };
}

/** JSON pointer (RFC 6901) of a path; the root is `/` for readers' sake. */
export function pointer(path: DocumentPath): string {
  return "/" + path.map((part) => String(part).replaceAll("~", "~0").replaceAll("/", "~1")).join("/");
}

/** An empty file is an empty configuration. Aliases that expand without end are refused by the parser. */
function valueOf(document: Document, file: string, invalid: ErrorCode): unknown {
  try {
    return (document.toJS() as unknown) ?? {};
  } catch (error) {
    throw new VmmschedError(
      invalid,
      `${file} is not valid YAML: ${messageOf(error)}`,
      { file },
      { cause: error },
    );
  }
}

function offsetOf(document: Document, path: DocumentPath): number {
  for (let length = path.length; length > 0; length--) {
    const node = keyOrItem(document, path.slice(0, length));
    if (node?.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
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
