import * as koffi from "koffi";
import { SharedLibrary, type Handle, type LibraryPaths, type LibrarySpec } from "./shared-library.js";

/** xenevtchn.h: stable ABI since Xen 4.7. */
export const libxenevtchnSpec: LibrarySpec = {
  name: "libxenevtchn",
  sonames: ["libxenevtchn.so.1"],
  obtain: "On Debian: apt-get install libxenevtchn1",
};

function bindAll(library: SharedLibrary) {
  const port = ["void *", "uint32_t"];
  return {
    open: library.bind("xenevtchn_open", "void *", ["void *", "unsigned int"]) as (
      log: null,
      flags: number,
    ) => Handle | null,
    close: library.bind("xenevtchn_close", "int", ["void *"]) as (handle: Handle) => number,
    bindInterdomain: library.bind("xenevtchn_bind_interdomain", "int", [...port, "uint32_t"]) as (
      handle: Handle,
      domid: number,
      port: number,
    ) => number,
    notify: library.bind("xenevtchn_notify", "int", port) as (handle: Handle, port: number) => number,
    unbind: library.bind("xenevtchn_unbind", "int", port) as (handle: Handle, port: number) => number,
  };
}

/** Event channels of Domain 0, through /dev/xen/evtchn. Closing the handle unbinds every port bound through it. */
export class LibXenEvtchn implements Disposable {
  readonly soname: string;
  readonly #calls: ReturnType<typeof bindAll>;
  #handle: Handle | undefined;

  private constructor(library: SharedLibrary, calls: ReturnType<typeof bindAll>, handle: Handle) {
    this.soname = library.soname;
    this.#calls = calls;
    this.#handle = handle;
  }

  /** Undefined where there is no library or no device. */
  static open(paths?: LibraryPaths): LibXenEvtchn | undefined {
    const library = SharedLibrary.loadOptional(libxenevtchnSpec, paths);
    if (library === undefined) return undefined;
    const calls = bindAll(library);
    const handle = calls.open(null, 0);
    return handle === null ? undefined : new LibXenEvtchn(library, calls, handle);
  }

  /** Our port bound to `remotePort` of domain `domainId`; or -errno. */
  bindInterdomain(domainId: number, remotePort: number): number {
    const port = this.#calls.bindInterdomain(this.#open(), domainId, remotePort);
    return port < 0 ? -koffi.errno() : port;
  }

  /** 0 or the errno. */
  notify(port: number): number {
    return this.#calls.notify(this.#open(), port) === 0 ? 0 : koffi.errno();
  }

  /** Afterwards the far end waits for Domain 0 to bind to it again. */
  unbind(port: number): void {
    if (this.#handle !== undefined) this.#calls.unbind(this.#handle, port);
  }

  [Symbol.dispose](): void {
    if (this.#handle !== undefined) this.#calls.close(this.#handle);
    this.#handle = undefined;
  }

  #open(): Handle {
    if (this.#handle === undefined) throw new TypeError("libxenevtchn has been closed");
    return this.#handle;
  }
}
