import { isCollection, isScalar, visit, type Document, type YAMLError } from "yaml";
import type { SyntaxFault } from "./json-syntax.js";

/** What an error of the YAML parser means to somebody who writes a configuration. */
export function yamlFault(error: YAMLError, document: Document, text: string): SyntaxFault {
  const offset = error.pos[0];
  return unclosed(error, document, text) ?? { offset, text: meaning(error, text.slice(...error.pos)) };
}

function meaning({ code, message }: YAMLError, found: string): string {
  switch (code) {
    case "TAB_AS_INDENT":
      return "a tab stands where the line is indented; use spaces";
    case "BAD_INDENT":
      return "this line fits neither the group above it nor a new one: look at its indentation, and at whether the group has keys or list items (- )";
    case "BLOCK_AS_IMPLICIT_KEY":
      return 'a second ": " in one line; put the value in quotes, or begin a new line';
    case "MULTILINE_IMPLICIT_KEY":
      return "this line has no colon and space (key: value)";
    case "BAD_SCALAR_START":
      return `a value that begins with ${found.charAt(0)} must stand in quotes`;
    case "BAD_ALIAS":
      return "* refers to an anchor here; put a pattern that begins with * in quotes";
    case "BAD_DQ_ESCAPE":
      return "a backslash begins an escape here, and this is none; write \\\\, or use single quotes";
    case "TAG_RESOLVE_FAILED":
      return `unknown tag ${found}; put a value that begins with ! in quotes`;
    case "UNEXPECTED_TOKEN":
      return "this does not fit to what stands before it; look at the indentation and the quotes up to here";
    case "MISSING_CHAR":
      if (message.startsWith("Sequence item"))
        return 'this belongs to a list: begin it with "- ", or indent it like the keys above';
      return message;
    default:
      return message;
  }
}

/** What is not closed goes on to some later line, where the parser gives up: where it begins is what helps. */
function unclosed(
  { code, message, pos }: YAMLError,
  document: Document,
  text: string,
): SyntaxFault | undefined {
  const isOpen = /^(Missing closing|Flow (map|sequence) .*end with)/.test(message);
  if ((code !== "MISSING_CHAR" && code !== "BAD_INDENT") || !isOpen) return undefined;
  let offset: number | undefined;
  visit(document, {
    Node(_, node) {
      const isFlow = isCollection(node) && node.flow === true;
      const isQuoted = isScalar(node) && (node.type ?? "").startsWith("QUOTE");
      if (!(isFlow || isQuoted) || !node.range || node.range[0] > pos[0] || node.range[1] < pos[0]) return;
      // A single pair in a list is a mapping without braces.
      if (/["'[{]/.test(text.charAt(node.range[0]))) offset = node.range[0];
    },
  });
  if (offset === undefined) return undefined;
  const opening = text.charAt(offset);
  return /["']/.test(opening)
    ? { offset, text: `this text has no closing ${opening}` }
    : { offset, text: `this ${opening} is not closed, or the lines inside of it are not indented` };
}
