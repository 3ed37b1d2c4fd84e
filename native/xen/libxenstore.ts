import * as koffi from "koffi";
import { SharedLibrary, type Handle, type LibraryPaths, type LibrarySpec } from "./shared-library.js";

/** xenstore.h; .so.3.0 until Xen 4.15 (tools/xenstore/Makefile). */
export const libxenstoreSpec: LibrarySpec = {
  name: "libxenstore",
  sonames: ["libxenstore.so.4", "libxenstore.so.3.0"],
  obtain: "On Debian: apt-get install libxenstore4",
};

/** XBT_NULL: outside any transaction. */
const noTransaction = 0;

function bindAll(library: SharedLibrary) {
  const key = ["void *", "uint32_t", "str"];
  return {
    open: library.bind("xs_open", "void *", ["unsigned long"]) as (flags: number) => Handle | null,
    close: library.bind("xs_close", "void", ["void *"]) as (store: Handle) => void,
    /** The value is allocated with malloc, with a NUL behind it: koffi copies and frees it. */
    read: library.bind("xs_read", koffi.disposable("str"), [...key, "void *"]) as (
      store: Handle,
      transaction: number,
      path: string,
      length: Uint32Array,
    ) => string | null,
    write: library.bind("xs_write", "bool", [...key, "void *", "unsigned int"]) as (
      store: Handle,
      transaction: number,
      path: string,
      value: Uint8Array,
      length: number,
    ) => boolean,
    remove: library.bind("xs_rm", "bool", key) as (
      store: Handle,
      transaction: number,
      path: string,
    ) => boolean,
  };
}

/** Connection to xenstored, for the few keys that we read and the one that we write. */
export class LibXenStore implements Disposable {
  readonly soname: string;
  readonly #calls: ReturnType<typeof bindAll>;
  readonly #length = new Uint32Array(1);
  #store: Handle | undefined;

  private constructor(library: SharedLibrary, calls: ReturnType<typeof bindAll>, store: Handle) {
    this.soname = library.soname;
    this.#calls = calls;
    this.#store = store;
  }

  /** Undefined where there is no library, or nothing answers. */
  static connect(paths?: LibraryPaths): LibXenStore | undefined {
    const library = SharedLibrary.loadOptional(libxenstoreSpec, paths);
    if (library === undefined) return undefined;
    const calls = bindAll(library);
    const store = calls.open(0);
    return store === null ? undefined : new LibXenStore(library, calls, store);
  }

  /** Undefined where there is no such key. */
  read(path: string): string | undefined {
    if (this.#store === undefined) return undefined;
    return this.#calls.read(this.#store, noTransaction, path, this.#length) ?? undefined;
  }

  write(path: string, value: string): boolean {
    if (this.#store === undefined) return false;
    const bytes = Buffer.from(value);
    return this.#calls.write(this.#store, noTransaction, path, bytes, bytes.length);
  }

  /** Removes a key and everything below it. */
  remove(path: string): boolean {
    return this.#store !== undefined && this.#calls.remove(this.#store, noTransaction, path);
  }

  [Symbol.dispose](): void {
    if (this.#store !== undefined) this.#calls.close(this.#store);
    this.#store = undefined;
  }
}
