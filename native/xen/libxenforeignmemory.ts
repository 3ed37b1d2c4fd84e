import * as koffi from "koffi";
import { callError, errno, errnoName } from "./call-error.js";
import { SharedLibrary, type Handle, type LibraryPaths, type LibrarySpec } from "./shared-library.js";

/** xenforeignmemory.h: stable ABI, VERS_1.0 in every Xen since 4.7. */
export const libxenforeignmemorySpec: LibrarySpec = {
  name: "libxenforeignmemory",
  sonames: ["libxenforeignmemory.so.1"],
  obtain: "On Debian: apt-get install libxenforeignmemory1, or xen-utils",
};

/** PROT_READ and PROT_WRITE of mmap(2). */
const protRead = 1;
const protWrite = 2;

function bindAll(library: SharedLibrary) {
  return {
    open: library.bind("xenforeignmemory_open", "void *", ["void *", "unsigned int"]) as (
      log: null,
      flags: number,
    ) => Handle | null,
    close: library.bind("xenforeignmemory_close", "int", ["void *"]) as (handle: Handle) => number,
    map: library.bind("xenforeignmemory_map", "void *", [
      "void *",
      "uint32_t",
      "int",
      "size_t",
      "void *",
      "void *",
    ]) as (
      handle: Handle,
      domid: number,
      prot: number,
      pages: number,
      frames: Uint32Array,
      errors: Int32Array,
    ) => Handle | null,
    unmap: library.bind("xenforeignmemory_unmap", "int", ["void *", "void *", "size_t"]) as (
      handle: Handle,
      address: Handle,
      pages: number,
    ) => number,
    restrict: library.bindOptional("xenforeignmemory_restrict", "int", ["void *", "uint16_t"]) as
      ((handle: Handle, domid: number) => number) | undefined,
  };
}

export class LibXenForeignMemory {
  readonly soname: string;
  readonly #calls: ReturnType<typeof bindAll>;

  constructor(paths?: LibraryPaths) {
    const library = SharedLibrary.load(libxenforeignmemorySpec, paths);
    this.soname = library.soname;
    this.#calls = bindAll(library);
  }

  /** A handle that maps memory of this domain, and where the kernel can enforce it of no other. */
  openFor(domainId: number): ForeignMemoryHandle {
    const handle = this.#calls.open(null, 0);
    if (handle === null) throw callError("xenforeignmemory_open", koffi.errno());
    const restriction = this.#restrict(handle, domainId);
    return new ForeignMemoryHandle(this.#calls, handle, domainId, restriction);
  }

  /** Undefined when restricted; otherwise why not. Throws when the kernel could have but refused. */
  #restrict(handle: Handle, domainId: number): string | undefined {
    if (this.#calls.restrict === undefined) return `${this.soname} has no xenforeignmemory_restrict`;
    if (this.#calls.restrict(handle, domainId) === 0) return undefined;
    const number = koffi.errno();
    if (number === errno.EOPNOTSUPP || number === errno.ENOTTY || number === errno.ENOSYS) {
      return `the kernel's privcmd driver cannot restrict a handle to one domain (${errnoName(number)})`;
    }
    this.#calls.close(handle);
    throw callError("xenforeignmemory_restrict", number, domainId);
  }
}

/** One xenforeignmemory_handle. Addresses that it returns are raw: only foreign-memory.ts makes views of them. */
export class ForeignMemoryHandle {
  readonly #calls: ReturnType<typeof bindAll>;
  readonly #handle: Handle;

  constructor(
    calls: ReturnType<typeof bindAll>,
    handle: Handle,
    readonly domainId: number,
    /** Why this handle could map other domains too; undefined where it cannot. */
    readonly unrestricted: string | undefined,
  ) {
    this.#calls = calls;
    this.#handle = handle;
  }

  /**
   * Maps `pages` frames, given as 64-bit words in two halves. With an array of errors the library returns an address
   * even if pages failed: `errors[i]` is then a negative errno, and touching that page raises SIGBUS.
   * Returns the address, or the errno when nothing was mapped.
   */
  map(pages: number, frames: Uint32Array, errors: Int32Array, writable: boolean): Handle | number {
    const prot = writable ? protRead | protWrite : protRead;
    const address = this.#calls.map(this.#handle, this.domainId, prot, pages, frames, errors);
    return address ?? koffi.errno();
  }

  unmap(address: Handle, pages: number): void {
    this.#calls.unmap(this.#handle, address, pages);
  }

  close(): void {
    this.#calls.close(this.#handle);
  }
}
