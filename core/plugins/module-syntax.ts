// The minimal build: the full one needs SIMD, which the processor of a Dom0 may lack, or takes ten times as long to start.
import { init, parse, type ExportSpecifier, type ImportSpecifier } from "es-module-lexer/minimal";

await init();

/** An import of a module, or `import.meta`; offsets into the code. */
export interface ModuleImport {
  readonly kind: "static" | "dynamic" | "import.meta";
  /** Undefined where it is not a plain string. */
  readonly specifier: string | undefined;
  /** `import defer`, `import source`. */
  readonly phase: "defer" | "source" | undefined;
  /** Of the specifier; that of a dynamic import is any expression, and a string in its quotes. */
  readonly start: number;
  readonly end: number;
  readonly statementStart: number;
  readonly statementEnd: number;
}

/** A name that a module exports, other than by `export *`. */
export interface ModuleExport {
  readonly name: string;
  /** Of the name, as it is exported. */
  readonly start: number;
  readonly end: number;
  /** Is there no name for it in the module itself? */
  readonly anonymous: boolean;
}

export interface ModuleSyntax {
  readonly imports: readonly ModuleImport[];
  readonly exports: readonly ModuleExport[];
}

/** What the JavaScript of a module imports and exports. Throws an error with an offset `idx` where it cannot be parsed. */
export function moduleSyntax(code: string): ModuleSyntax {
  const [imports, exports] = parse(code);
  return { imports: imports.map(moduleImport), exports: exports.map(moduleExport) };
}

const sourcePhase = [4, 5];
const deferPhase = [6, 7];

function moduleImport({ n, t, s, e, ss, se, d }: ImportSpecifier): ModuleImport {
  return {
    kind: d === -1 ? "static" : d === -2 ? "import.meta" : "dynamic",
    specifier: n,
    phase: sourcePhase.includes(t) ? "source" : deferPhase.includes(t) ? "defer" : undefined,
    start: s,
    end: e,
    statementStart: ss,
    statementEnd: se,
  };
}

function moduleExport({ n, s, e, ls }: ExportSpecifier): ModuleExport {
  return { name: n, start: s, end: e, anonymous: ls === -1 };
}
