/** Where a text stops being JSON, and why. */
export interface SyntaxFault {
  readonly offset: number;
  readonly text: string;
}

/** Deeper than any file of ours, and far from what overflows a parser's stack. */
export const deepestNesting = 100;

/** The first thing that is wrong with a JSON text, keys that stand twice in an object included; undefined for none. */
export function jsonFault(text: string): SyntaxFault | undefined {
  try {
    new JsonReader(text).read();
    return undefined;
  } catch (fault) {
    if (fault instanceof Fault) return { offset: fault.offset, text: fault.text };
    throw fault;
  }
}

/** Line of an offset, from 1. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

class Fault extends Error implements SyntaxFault {
  constructor(
    readonly offset: number,
    readonly text: string,
  ) {
    super(text);
  }
}

const space = /[ \t\r\n]*/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])/y;
const word = /[^\s,:[\]{}"]+/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

class JsonReader {
  #at = 0;

  constructor(readonly text: string) {}

  read(): void {
    this.#space();
    if (this.#at === this.text.length) throw new Fault(0, "the file is empty");
    this.#value(0);
    if (this.#at < this.text.length)
      throw new Fault(this.#at, `found ${this.#next()} after the end of the JSON value`);
  }

  /** Reads a value and the space after it. */
  #value(depth: number): void {
    if (depth > deepestNesting) throw new Fault(this.#at, `nested more than ${deepestNesting} levels deep`);
    const first = this.text[this.#at];
    if (first === "{") this.#object(depth);
    else if (first === "[") this.#list(depth);
    else if (first === '"') this.#string();
    else this.#word();
    this.#space();
  }

  #object(depth: number): void {
    const start = this.#at++;
    const keys = new Map<string, number>();
    this.#space();
    if (this.#took("}")) return;
    do {
      this.#space();
      this.#noneAfterComma("}");
      this.#key(start, keys);
      if (!this.#took(":"))
        throw new Fault(this.#at, `expected a colon after the key, found ${this.#next()}`);
      this.#space();
      this.#value(depth + 1);
    } while (this.#goesOn(start, "}"));
  }

  #key(start: number, keys: Map<string, number>): void {
    const at = this.#at;
    if (at === this.text.length) throw this.#ended(start, "}");
    if (this.text[at] !== '"') throw new Fault(at, `expected a key in double quotes, found ${this.#next()}`);
    const key = this.#string();
    const before = keys.get(key);
    if (before !== undefined)
      throw new Fault(
        at,
        `the key ${key} stands twice in one object; first in line ${lineOf(this.text, before)}`,
      );
    keys.set(key, at);
    this.#space();
  }

  #list(depth: number): void {
    const start = this.#at++;
    this.#space();
    if (this.#took("]")) return;
    do {
      this.#space();
      this.#noneAfterComma("]");
      if (this.#at === this.text.length) throw this.#ended(start, "]");
      this.#value(depth + 1);
    } while (this.#goesOn(start, "]"));
  }

  #goesOn(start: number, end: "]" | "}"): boolean {
    if (this.#took(",")) return true;
    if (this.#took(end)) return false;
    if (this.#at === this.text.length) throw this.#ended(start, end);
    const found = this.#next();
    const missing = /^["\w[{-]/.test(found) ? "is a comma missing before it?" : `expected a comma or ${end}`;
    throw new Fault(this.#at, `found ${found}; ${missing}`);
  }

  #noneAfterComma(end: "]" | "}"): void {
    if (this.text[this.#at] === end)
      throw new Fault(
        this.#at,
        `expected more after the comma, found ${end}: JSON has no comma after the last entry`,
      );
  }

  /** Reads a string and returns it as it is written, quotes included. */
  #string(): string {
    const start = this.#at++;
    for (;;) {
      const character = this.text[this.#at];
      if (character === undefined || character === "\n")
        throw new Fault(start, "this text has no closing quote in its line");
      if (character < " ")
        throw new Fault(this.#at, "a text holds a control character; write it as \\t or \\u0000");
      if (character === "\\") this.#escape();
      else this.#at++;
      if (character === '"') return this.text.slice(start, this.#at);
    }
  }

  #escape(): void {
    escape.lastIndex = this.#at;
    if (!escape.test(this.text))
      throw new Fault(
        this.#at,
        `${this.text.slice(this.#at, this.#at + 2)} is no escape; a backslash is written \\\\`,
      );
    this.#at = escape.lastIndex;
  }

  #word(): void {
    for (const each of ["true", "false", "null"]) {
      if (this.#next() === each) {
        this.#at += each.length;
        return;
      }
    }
    number.lastIndex = this.#at;
    if (!number.test(this.text)) throw this.#unknown();
    this.#at = number.lastIndex;
  }

  #unknown(): Fault {
    const found = this.#next();
    if (/^0x[\da-f]+$/i.test(found))
      return new Fault(this.#at, `${found} is no JSON number; write ${Number(found)}, or put it in quotes`);
    if (/^[-+.\d]/.test(found)) return new Fault(this.#at, `${found} is no number`);
    const known = found.toLowerCase();
    if (["true", "false", "null"].includes(known))
      return new Fault(this.#at, `found ${found}; write ${known}`);
    return new Fault(this.#at, `expected a value, found ${found}; texts stand in double quotes`);
  }

  #ended(start: number, end: "]" | "}"): Fault {
    const open = end === "}" ? "{" : "[";
    return new Fault(
      this.#at,
      `the file ends, but the ${open} of line ${lineOf(this.text, start)} is not closed`,
    );
  }

  #space(): void {
    space.lastIndex = this.#at;
    space.test(this.text);
    this.#at = space.lastIndex;
    if (/^(#|\/[/*])/.test(this.text.slice(this.#at, this.#at + 2)))
      throw new Fault(this.#at, "found a comment; JSON has none");
  }

  #took(character: string): boolean {
    if (this.text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** What stands here, for a message: a word, a quoted text or one character. */
  #next(): string {
    if (this.#at === this.text.length) return "the end of the file";
    if (this.text[this.#at] === '"')
      return /^"[^"\n]{0,40}"?/.exec(this.text.slice(this.#at, this.#at + 42))?.[0] ?? '"';
    word.lastIndex = this.#at;
    return word.exec(this.text)?.[0].slice(0, 40) ?? this.text.charAt(this.#at);
  }
}
