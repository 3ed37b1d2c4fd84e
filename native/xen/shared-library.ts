import * as koffi from "koffi";
import { messageOf, VmmschedError } from "../../core/errors.js";

/** A library as a host may have it: the sonames to try, in order, and how to get it. */
export interface LibrarySpec {
  readonly name: LibraryName;
  readonly sonames: readonly string[];
  readonly obtain: string;
}

export type LibraryName =
  "libxenctrl" | "libxenforeignmemory" | "libxenstore" | "libxenevtchn" | "libxendevicemodel";

/** Replaces the sonames of some libraries, by soname or by path: for hosts with libraries of their own, and for tests. */
export type LibraryPaths = Readonly<Partial<Record<LibraryName, readonly string[]>>>;

/** Handle of a library's own object: a pointer that only the library understands. */
export type Handle = bigint;

/** A bound function, before its user says what its parameters are. */
export type CFunction = (...args: never[]) => unknown;

/** What dlopen says when there is no such file: not worth repeating for each soname. When a dependency is missing it names that. */
const notThere = "cannot open shared object file: No such file";

/** A loaded shared library. It stays loaded until the process ends. */
export class SharedLibrary {
  readonly #library: koffi.LibraryHandle;

  private constructor(
    readonly name: LibraryName,
    readonly soname: string,
    library: koffi.LibraryHandle,
  ) {
    this.#library = library;
  }

  /** Loads the first soname that is there. Throws ERR_LIBRARY_MISSING. */
  static load(spec: LibrarySpec, paths: LibraryPaths = {}): SharedLibrary {
    const sonames = paths[spec.name] ?? spec.sonames;
    const reasons: string[] = [];
    for (const soname of sonames) {
      try {
        return new SharedLibrary(spec.name, soname, koffi.load(soname));
      } catch (error) {
        const reason = messageOf(error);
        if (!reason.includes(notThere) || reason.includes(".so")) reasons.push(`${soname}: ${reason}`);
      }
    }
    const tried = `tried ${sonames.join(", ")}`;
    throw new VmmschedError(
      "ERR_LIBRARY_MISSING",
      `${spec.name} cannot be loaded: ${[tried, ...reasons].join("; ")}. ${spec.obtain}`,
      { library: spec.name, tried: sonames.join(" ") },
    );
  }

  /** As {@link load}, but undefined where the library is missing. */
  static loadOptional(spec: LibrarySpec, paths: LibraryPaths = {}): SharedLibrary | undefined {
    try {
      return SharedLibrary.load(spec, paths);
    } catch (error) {
      if (error instanceof VmmschedError && error.code === "ERR_LIBRARY_MISSING") return undefined;
      throw error;
    }
  }

  /**
   * The function `symbol`; `result` and `parameters` are C types in koffi's spelling and the caller casts the function to what they mean.
   * Throws ERR_LIBRARY_UNSUITABLE when the library does not export it.
   */
  bind(symbol: string, result: string | koffi.TypeObject, parameters: readonly string[]): CFunction {
    try {
      return this.#library.func(symbol, result, [...parameters]) as CFunction;
    } catch (cause) {
      throw new VmmschedError(
        "ERR_LIBRARY_UNSUITABLE",
        `${this.soname} has no function ${symbol}`,
        { library: this.name, soname: this.soname, symbol },
        { cause },
      );
    }
  }

  /** As {@link bind}, but undefined where the library does not export it. */
  bindOptional(symbol: string, result: string, parameters: readonly string[]): CFunction | undefined {
    try {
      return this.#library.func(symbol, result, [...parameters]) as CFunction;
    } catch {
      return undefined;
    }
  }
}
