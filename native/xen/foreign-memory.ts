import * as koffi from "koffi";
import { VmmschedError } from "../../core/errors.js";
import { pageBytes, type Frame } from "../../core/memory/address.js";
import type { WritablePhysicalMemory } from "../../core/memory/physical-memory.js";
import { callError, errno, errnoName } from "./call-error.js";
import type { ForeignMemoryHandle } from "./libxenforeignmemory.js";
import type { Handle } from "./shared-library.js";

/** Frames in one map call of a bulk copy: one page of frame numbers. */
const batchFrames = 512;

/** From this size a copy through a subarray is faster than a loop, which allocates nothing. */
const loopBytes = 128;

/**
 * Pages that all domains together may keep mapped. Each is one mapping of our process, and Linux allows it 65530
 * (vm.max_map_count). A domain that needs one more gives up its own oldest.
 */
export class MappingBudget {
  used = 0;

  constructor(readonly limit = 48 * 1024) {}
}

/** Pages of one mapping, with the views made of it once. Dropped before the mapping is. */
interface MappedPage {
  readonly address: Handle;
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

/**
 * Memory of one domain through foreign mappings. Pages are mapped when first read and stay mapped; pages that are
 * written get a second, writable mapping.
 *
 * The only file that makes views of mapped memory: reading a view after its mapping is gone kills the process, so none
 * leaves it. A mapping also keeps its page from being given to anybody else, and a dead domain from
 * vanishing: {@link forget} lets go of all.
 */
export class ForeignMemory implements WritablePhysicalMemory, Disposable {
  readonly #handle: ForeignMemoryHandle;
  readonly #budget: MappingBudget;
  readonly #readable = new Map<Frame, MappedPage>();
  readonly #writable = new Map<Frame, MappedPage>();
  /** Frame numbers of a map call as 64-bit words in two halves, and its results: made once, as maps may happen in a pause. */
  readonly #frames = new Uint32Array(2 * batchFrames);
  readonly #errors = new Int32Array(batchFrames);
  #closed = false;

  constructor(handle: ForeignMemoryHandle, budget: MappingBudget) {
    this.#handle = handle;
    this.#budget = budget;
  }

  i32(frame: Frame, offset: number): number {
    const page = this.#readable.get(frame) ?? this.#mapReadable(frame);
    return page.view.getInt32(offset, true);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    const { bytes } = this.#readable.get(frame) ?? this.#mapReadable(frame);
    const end = offset + into.length;
    if (offset < 0 || end > pageBytes) throw new RangeError(`bytes ${offset} to ${end} are not in one frame`);
    if (into.length > loopBytes) {
      into.set(bytes.subarray(offset, end));
      return;
    }
    for (let i = 0; i < into.length; i++) into[i] = bytes[offset + i] ?? 0;
  }

  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    this.#requireOpen();
    let count = 0;
    for (let first = 0; first < frames.length; first += batchFrames) {
      count += this.#copyBatch(frames, first, Math.min(batchFrames, frames.length - first), into);
    }
    return count;
  }

  write32(frame: Frame, offset: number, value: number): void {
    const page = this.#writable.get(frame) ?? this.#mapWritable(frame);
    page.view.setUint32(offset, value, true);
  }

  /** Maps `frame` for writing, so that a write during a pause finds it mapped. */
  prepareWrite(frame: Frame): void {
    if (!this.#writable.has(frame)) this.#mapWritable(frame);
  }

  /** Unmaps everything: frames may have changed hands. The next access maps anew. */
  forget(): void {
    for (const pages of [this.#readable, this.#writable]) {
      while (this.#evictOldest(pages));
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.forget();
    this.#closed = true;
    this.#handle.close();
  }

  #mapReadable(frame: Frame): MappedPage {
    const page = this.#mapOne(frame, false);
    this.#readable.set(frame, page);
    return page;
  }

  #mapWritable(frame: Frame): MappedPage {
    const page = this.#mapOne(frame, true);
    this.#writable.set(frame, page);
    return page;
  }

  #mapOne(frame: Frame, writable: boolean): MappedPage {
    this.#requireOpen();
    this.#makeRoom();
    this.#setFrame(0, frame);
    const address = this.#handle.map(1, this.#frames, this.#errors, writable);
    if (typeof address === "number") throw this.#mapError(frame, writable, address);
    const pageError = -(this.#errors[0] ?? 0);
    if (pageError !== 0) {
      this.#handle.unmap(address, 1);
      throw this.#mapError(frame, writable, pageError);
    }
    this.#budget.used++;
    const memory = koffi.view(address, pageBytes);
    return { address, view: new DataView(memory), bytes: new Uint8Array(memory) };
  }

  #makeRoom(): void {
    if (this.#budget.used < this.#budget.limit) return;
    if (!this.#evictOldest(this.#readable)) this.#evictOldest(this.#writable);
  }

  #evictOldest(pages: Map<Frame, MappedPage>): boolean {
    for (const [frame, page] of pages) {
      pages.delete(frame);
      this.#handle.unmap(page.address, 1);
      this.#budget.used--;
      return true;
    }
    return false;
  }

  #copyBatch(frames: readonly Frame[], first: number, count: number, into: Uint8Array): number {
    for (let i = 0; i < count; i++) this.#setFrame(i, frames[first + i] ?? 0);
    const at = first * pageBytes;
    const address = this.#handle.map(count, this.#frames, this.#errors, false);
    if (typeof address === "number") throw callError("xenforeignmemory_map", address, this.#handle.domainId);
    try {
      return this.#copyMapped(new Uint8Array(koffi.view(address, count * pageBytes)), into, at);
    } finally {
      this.#handle.unmap(address, count);
    }
  }

  /** Copies the pages that were mapped and touches no other: those would raise SIGBUS. */
  #copyMapped(mapped: Uint8Array, into: Uint8Array, at: number): number {
    let count = 0;
    for (let from = 0, i = 0; from < mapped.length; from += pageBytes, i++) {
      const error = this.#errors[i] ?? 0;
      if (error === 0) {
        into.set(mapped.subarray(from, from + pageBytes), at + from);
        count++;
      } else if (error === -errno.ESRCH) {
        throw callError("xenforeignmemory_map", errno.ESRCH, this.#handle.domainId);
      } else {
        into.fill(0, at + from, at + from + pageBytes);
      }
    }
    return count;
  }

  #setFrame(index: number, frame: number): void {
    this.#frames[2 * index] = frame >>> 0;
    this.#frames[2 * index + 1] = Math.floor(frame / 2 ** 32);
  }

  #requireOpen(): void {
    if (!this.#closed) return;
    const domain = this.#handle.domainId;
    throw new VmmschedError("ERR_DOMAIN_GONE", `the memory of domain ${domain} has been closed`, { domain });
  }

  #mapError(frame: Frame, writable: boolean, number: number): VmmschedError {
    const domain = this.#handle.domainId;
    if (number === errno.ESRCH) return callError("xenforeignmemory_map", number, domain);
    const name = errnoName(number);
    const hex = `0x${frame.toString(16)}`;
    return new VmmschedError(
      writable ? "ERR_FRAME_UNWRITABLE" : "ERR_FRAME_UNREADABLE",
      `frame ${hex} of domain ${domain} cannot be mapped${writable ? " for writing" : ""}: ${name}`,
      { domain, frame: hex, errno: name },
    );
  }
}
