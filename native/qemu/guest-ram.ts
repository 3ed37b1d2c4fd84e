import * as koffi from "koffi";
import { closeSync, fstatSync, readSync } from "node:fs";
import { VmmschedError } from "../../core/errors.js";
import { pageBytes, type Frame } from "../../core/memory/address.js";
import type { WritablePhysicalMemory } from "../../core/memory/physical-memory.js";
import { errnoName, lastErrno, libc, mapFailed, type Address } from "./libc.js";
import type { RamPiece } from "./physical-layout.js";
import type { RamFile } from "./ram-file.js";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** A file is mapped in windows, since an ArrayBuffer has an end: 1 GiB, in frames. */
const windowShift = 18;
const windowFrames = 1 << windowShift;
const windowBytes = windowFrames * pageBytes;

/** From this size a copy through a subarray is faster than a loop, which allocates nothing. */
const loopBytes = 128;

interface MappedWindow {
  readonly address: Address;
  readonly length: number;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** It is mapped for reading only until something in it is to be written: a stray write of ours reaches no guest that we leave alone. */
  writable: boolean;
}

/** A region of the machine with the file behind it. */
export interface BackedRegion {
  readonly name: string;
  /** Its `offset` is that of the region's first byte. */
  readonly file: RamFile;
}

/** A piece of RAM and where it lies in a mapped file, in frames. */
interface MappedPiece {
  readonly first: number;
  readonly end: number;
  readonly inFile: number;
  readonly writable: boolean;
  readonly file: MappedFile;
}

interface MappedFile {
  readonly fd: number;
  readonly windows: MappedWindow[];
}

/**
 * RAM of one machine, mapped once and shared with QEMU. It stays readable when QEMU ends: the mapping keeps the file.
 *
 * The only file that makes views of mapped memory: reading a view after its mapping is gone kills the process, so none leaves it.
 */
export class GuestRam implements WritablePhysicalMemory, Disposable {
  readonly #machine: string;
  readonly #pieces: MappedPiece[] = [];
  readonly #files: MappedFile[] = [];
  #closed = false;
  /** The piece of the last access: most follow each other in one. */
  #last: MappedPiece | undefined;

  /** Takes over the descriptors of `regions`; pieces of other regions are unreadable. Throws ERR_HYPERVISOR_UNAVAILABLE. */
  constructor(machine: string, layout: readonly RamPiece[], regions: readonly BackedRegion[]) {
    this.#machine = machine;
    try {
      for (const { file } of regions) this.#files.push({ fd: file.fd, windows: [] });
      for (const [index, { name, file }] of regions.entries()) {
        const mapped = this.#files[index];
        if (mapped === undefined) continue;
        this.#map(mapped);
        for (const piece of layout) if (piece.region === name) this.#place(piece, file, mapped);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    this.#pieces.sort((one, other) => other.end - other.first - (one.end - one.first));
  }

  /** Is any of the machine's memory readable? */
  get isReadable(): boolean {
    return this.#pieces.length > 0;
  }

  i32(frame: Frame, offset: number): number {
    const piece = this.#find(frame);
    const at = frame - piece.first + piece.inFile;
    return windowOf(piece, at).view.getInt32((at % windowFrames) * pageBytes + offset, true);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    const end = offset + into.length;
    if (offset < 0 || end > pageBytes) throw new RangeError(`bytes ${offset} to ${end} are not in one frame`);
    const piece = this.#find(frame);
    const at = frame - piece.first + piece.inFile;
    const { bytes } = windowOf(piece, at);
    const from = (at % windowFrames) * pageBytes + offset;
    if (into.length > loopBytes) {
      into.set(bytes.subarray(from, from + into.length));
      return;
    }
    for (let i = 0; i < into.length; i++) into[i] = bytes[from + i] ?? 0;
  }

  /** By reading the file, consecutive frames at once: pages that the guest has never touched stay holes of it. */
  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    this.#requireOpen();
    let count = 0;
    for (let next = 0; next < frames.length;) {
      const frame = frames[next] ?? 0;
      const piece = this.#lookUp(frame);
      if (piece === undefined) {
        into.fill(0, next * pageBytes, (next + 1) * pageBytes);
        next++;
        continue;
      }
      let run = 1;
      while (frames[next + run] === frame + run && frame + run < piece.end) run++;
      count += readRun(piece, frame, run, into.subarray(next * pageBytes, (next + run) * pageBytes));
      next += run;
    }
    return count;
  }

  write32(frame: Frame, offset: number, value: number): void {
    const piece = this.#find(frame);
    if (!piece.writable) throw this.#frameError("ERR_FRAME_UNWRITABLE", frame, "is a ROM to the guest");
    const at = frame - piece.first + piece.inFile;
    const window = windowOf(piece, at);
    if (!window.writable) this.#makeWritable(window, frame);
    window.view.setUint32((at % windowFrames) * pageBytes + offset, value, true);
  }

  /** Maps it for writing, which the first write would do otherwise. Throws ERR_FRAME_UNWRITABLE where a write would. */
  prepareWrite(frame: Frame): void {
    const piece = this.#find(frame);
    if (!piece.writable) throw this.#frameError("ERR_FRAME_UNWRITABLE", frame, "is a ROM to the guest");
    const window = windowOf(piece, frame - piece.first + piece.inFile);
    if (!window.writable) this.#makeWritable(window, frame);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#last = undefined;
    this.#pieces.length = 0;
    for (const { fd, windows } of this.#files) {
      for (const { address, length } of windows.splice(0)) libc().munmap(address, length);
      closeSync(fd);
    }
  }

  #makeWritable(window: MappedWindow, frame: Frame): void {
    if (libc().mprotect(window.address, window.length, PROT_READ | PROT_WRITE) !== 0)
      throw this.#frameError(
        "ERR_FRAME_UNWRITABLE",
        frame,
        `cannot be mapped for writing: ${errnoName(lastErrno())}`,
      );
    window.writable = true;
  }

  #map(file: MappedFile): void {
    const { size } = fstatSync(file.fd);
    for (let offset = 0; offset < size; offset += windowBytes) {
      const length = Math.min(windowBytes, size - offset);
      const result = libc().mmap(null, length, PROT_READ, MAP_SHARED, file.fd, offset);
      const address = BigInt(result);
      if (address === mapFailed) {
        throw new VmmschedError(
          "ERR_HYPERVISOR_UNAVAILABLE",
          `the RAM of ${this.#machine} cannot be mapped: ${errnoName(lastErrno())}`,
          { machine: this.#machine },
        );
      }
      const memory = koffi.view(address, length);
      const [view, bytes] = [new DataView(memory), new Uint8Array(memory)];
      file.windows.push({ address, length, view, bytes, writable: false });
    }
  }

  /** Leaves out what lies beyond the end of the file: touching it would kill the process. */
  #place(piece: RamPiece, file: RamFile, mapped: MappedFile): void {
    const inFile = (file.offset + piece.regionOffset) / pageBytes;
    const size = mapped.windows.reduce((sum, { length }) => sum + Math.floor(length / pageBytes), 0);
    const frames = Math.min(piece.frames, size - inFile);
    if (frames <= 0 || !Number.isInteger(inFile)) return;
    const { firstFrame: first, writable } = piece;
    this.#pieces.push({ first, end: first + frames, inFile, writable, file: mapped });
  }

  #find(frame: Frame): MappedPiece {
    const last = this.#last;
    if (last !== undefined && frame >= last.first && frame < last.end) return last;
    const piece = this.#lookUp(frame);
    if (piece !== undefined) return (this.#last = piece);
    this.#requireOpen();
    throw this.#frameError(
      "ERR_FRAME_UNREADABLE",
      frame,
      this.isReadable ? "is no shared RAM" : "cannot be read: none of its RAM is shared (vmmsched doctor)",
    );
  }

  #lookUp(frame: number): MappedPiece | undefined {
    for (const piece of this.#pieces) if (frame >= piece.first && frame < piece.end) return piece;
    return undefined;
  }

  #requireOpen(): void {
    if (!this.#closed) return;
    throw new VmmschedError("ERR_DOMAIN_GONE", `the memory of ${this.#machine} has been closed`, {
      machine: this.#machine,
    });
  }

  #frameError(
    code: "ERR_FRAME_UNREADABLE" | "ERR_FRAME_UNWRITABLE",
    frame: Frame,
    why: string,
  ): VmmschedError {
    const hex = `0x${frame.toString(16)}`;
    return new VmmschedError(code, `frame ${hex} of ${this.#machine} ${why}`, {
      machine: this.#machine,
      frame: hex,
    });
  }
}

function windowOf(piece: MappedPiece, frameInFile: number): MappedWindow {
  const window = piece.file.windows[frameInFile >>> windowShift];
  if (window === undefined) throw new RangeError(`frame ${frameInFile} of the file is not mapped`);
  return window;
}

/** The number of whole frames that were read; what the file does not have is zeroed. */
function readRun(piece: MappedPiece, frame: number, frames: number, into: Uint8Array): number {
  let done = 0;
  while (done < into.length) {
    const at = (frame - piece.first + piece.inFile) * pageBytes + done;
    const count = readSync(piece.file.fd, into, done, into.length - done, at);
    if (count === 0) break;
    done += count;
  }
  into.fill(0, done);
  return Math.min(frames, Math.floor(done / pageBytes));
}
