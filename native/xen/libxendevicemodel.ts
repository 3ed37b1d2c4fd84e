import * as koffi from "koffi";
import { checkCall } from "./call-error.js";
import { SharedLibrary, type Handle, type LibraryPaths, type LibrarySpec } from "./shared-library.js";

/** xendevicemodel.h: stable ABI since Xen 4.9. */
export const libxendevicemodelSpec: LibrarySpec = {
  name: "libxendevicemodel",
  sonames: ["libxendevicemodel.so.1"],
  obtain: "On Debian: apt-get install libxendevicemodel1",
};

/** Where messages to local APICs are addressed: the APIC id stands in bits 19..12 (Intel SDM vol. 3A, 11.11.1). */
const msiAddress = 0xfee00000;
const apicIdShift = 12;
const largestApicId = 0xff;

function bindAll(library: SharedLibrary) {
  return {
    open: library.bind("xendevicemodel_open", "void *", ["void *", "unsigned int"]) as (
      log: null,
      flags: number,
    ) => Handle | null,
    close: library.bind("xendevicemodel_close", "int", ["void *"]) as (handle: Handle) => number,
    injectMsi: library.bind("xendevicemodel_inject_msi", "int", [
      "void *",
      "uint16_t",
      "uint64_t",
      "uint32_t",
    ]) as (handle: Handle, domid: number, address: number, data: number) => number,
  };
}

/** Raises interrupts in PVH and HVM guests, as a device with message-signalled interrupts would. */
export class LibXenDeviceModel implements Disposable {
  readonly soname: string;
  readonly #calls: ReturnType<typeof bindAll>;
  #handle: Handle | undefined;

  private constructor(library: SharedLibrary, calls: ReturnType<typeof bindAll>, handle: Handle) {
    this.soname = library.soname;
    this.#calls = calls;
    this.#handle = handle;
  }

  /** Undefined where there is no library, or the kernel refuses. */
  static open(paths?: LibraryPaths): LibXenDeviceModel | undefined {
    const library = SharedLibrary.loadOptional(libxendevicemodelSpec, paths);
    if (library === undefined) return undefined;
    const calls = bindAll(library);
    const handle = calls.open(null, 0);
    return handle === null ? undefined : new LibXenDeviceModel(library, calls, handle);
  }

  /** Fixed delivery, edge-triggered, to one physical APIC id; ids above 255 cannot be addressed this way. */
  injectMsi(domainId: number, apicId: number, vector: number): void {
    if (apicId > largestApicId) throw new RangeError(`APIC id ${apicId} is above ${largestApicId}`);
    if (this.#handle === undefined) return;
    const address = msiAddress + (apicId << apicIdShift);
    const result = this.#calls.injectMsi(this.#handle, domainId, address, vector);
    if (result !== 0) checkCall("xendevicemodel_inject_msi", koffi.errno(), domainId);
  }

  [Symbol.dispose](): void {
    if (this.#handle !== undefined) this.#calls.close(this.#handle);
    this.#handle = undefined;
  }
}
