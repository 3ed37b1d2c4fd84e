import * as koffi from "koffi";
import { closeSync, fstatSync, ftruncateSync, openSync } from "node:fs";
import { VmmschedError } from "../errors.js";

/** From the headers of Linux on x86-64 (sys/mman.h, sys/file.h). */
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const LOCK_EX_NB = 6;

type Mmap = (
  at: null,
  bytes: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => number | bigint;

let bound: { readonly mmap: Mmap; readonly flock: (fd: number, operation: number) => number } | undefined;

function libc() {
  if (bound === undefined) {
    const library = koffi.load("libc.so.6");
    const mmap = library.func("int64_t mmap(void *, size_t, int, int, int, long)") as Mmap;
    bound = { mmap, flock: library.func("int flock(int, int)") as (fd: number, operation: number) => number };
  }
  return bound;
}

/**
 * A file that is mapped for as long as this process lives: what is written outlives the process in it, whatever kills it, and other
 * processes that have mapped it see it at once. It is never unmapped, so its views may be kept.
 */
export class MappedFile implements Disposable {
  readonly #fd: number;
  readonly #bytes: number;
  #buffer: ArrayBuffer | undefined;

  /** Makes it if there is none, of zeros. Throws ERR_RUNTIME_DIRECTORY. */
  constructor(
    readonly path: string,
    bytes: number,
  ) {
    try {
      this.#fd = openSync(path, "a+", 0o600);
      closeSync(this.#fd);
      this.#fd = openSync(path, "r+");
      if (fstatSync(this.#fd).size !== bytes) ftruncateSync(this.#fd, bytes);
    } catch (error) {
      throw new VmmschedError("ERR_RUNTIME_DIRECTORY", `${path} cannot be opened: ${String(error)}`, {
        path,
      });
    }
    this.#bytes = bytes;
  }

  /** Its content, mapped when it is first asked for. Throws ERR_RUNTIME_DIRECTORY. */
  get buffer(): ArrayBuffer {
    if (this.#buffer !== undefined) return this.#buffer;
    const address = BigInt(libc().mmap(null, this.#bytes, PROT_READ_WRITE, MAP_SHARED, this.#fd, 0));
    if (address === -1n)
      throw new VmmschedError("ERR_RUNTIME_DIRECTORY", `${this.path} cannot be mapped`, { path: this.path });
    return (this.#buffer = koffi.view(address, this.#bytes));
  }

  /** The kernel gives the lock back when its holder dies. False where another process has it. */
  lock(): boolean {
    return libc().flock(this.#fd, LOCK_EX_NB) === 0;
  }

  /** Gives the lock back; the mapping stays. */
  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
