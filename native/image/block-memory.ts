import { VmmschedError } from "../../core/errors.js";
import { pageBytes, type Frame } from "../../core/memory/address.js";
import { fourLevelPaging, tableIndex } from "../../core/memory/paging.js";
import { piecesOf, type RamPiece } from "../../core/ram-piece.js";
import type { ImageRam } from "./image.js";

/** Bytes of virtual memory, at any address. */
export interface MemoryBlock {
  /** Signed, canonical. */
  readonly va: number;
  readonly bytes: Uint8Array;
}

/** More 4 KiB pages than a triage dump touches. */
const mostPages = 1 << 14;
/** Frames that no machine has: what the guest itself says of physical memory never means one of them. */
const firstMadeUp = 2 ** 36;
/** Present, writable. */
const entryFlags = 3;

/**
 * Scattered blocks of virtual memory as a machine that has nothing else: each page that one of them touches gets a frame,
 * and page tables below `root` lead there. Bytes that no block has cannot be read, though others of their page can.
 * Where blocks overlap, the first one counts.
 */
export class BlockMemory implements ImageRam {
  readonly #root: Frame;
  /** Pages of data, then tables, by their frame less the first one. */
  readonly #pages: Buffer[] = [];
  /** A bit for each byte of a page of data that is there. */
  readonly #known: Uint8Array[] = [];
  readonly #rootTable = Buffer.alloc(pageBytes);
  readonly #dataPages: number;

  /** Throws RangeError where blocks touch too many pages, or run out of the address space. */
  constructor(root: Frame, blocks: readonly MemoryBlock[]) {
    this.#root = root;
    const frames = new Map<number, number>();
    for (const block of blocks) this.#add(block, frames);
    this.#dataPages = this.#pages.length;
    const tables = new Map<string, Buffer>();
    for (const [page, index] of frames) this.#map(page * pageBytes, index, tables);
  }

  /** Of the pages that blocks touch. */
  get bytes(): number {
    return this.#dataPages * pageBytes;
  }

  /** Without the page tables, which the guest has never had. */
  pieces(): AsyncIterable<RamPiece> {
    return piecesOf(this, this.#dataPages, (index) => (firstMadeUp + index) as Frame);
  }

  i32(frame: Frame, offset: number): number {
    this.#require(frame, offset, 4);
    return this.#page(frame).readInt32LE(offset);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    if (offset < 0 || offset + into.length > pageBytes)
      throw new RangeError(`bytes ${offset} to ${offset + into.length} are not in one frame`);
    this.#require(frame, offset, into.length);
    this.#page(frame).copy(into, 0, offset);
  }

  /** What of a frame is not known is zero. */
  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    let count = 0;
    for (const [i, frame] of frames.entries()) {
      const page = this.#find(frame);
      if (page !== undefined) count++;
      into.set(page ?? new Uint8Array(pageBytes), i * pageBytes);
    }
    return count;
  }

  #add({ va, bytes }: MemoryBlock, frames: Map<number, number>): void {
    for (let done = 0; done < bytes.length;) {
      const page = Math.floor((va + done) / pageBytes);
      const at = va + done - page * pageBytes;
      const length = Math.min(bytes.length - done, pageBytes - at);
      let index = frames.get(page);
      if (index === undefined) {
        index = this.#newPage();
        this.#known.push(new Uint8Array(pageBytes / 8));
        frames.set(page, index);
      }
      this.#fill(index, at, bytes.subarray(done, done + length));
      done += length;
    }
  }

  #newPage(): number {
    if (this.#pages.length >= mostPages) throw new RangeError(`blocks in more than ${mostPages} pages`);
    return this.#pages.push(Buffer.alloc(pageBytes)) - 1;
  }

  #fill(index: number, at: number, bytes: Uint8Array): void {
    const [page, known] = [this.#pages[index], this.#known[index]];
    if (page === undefined || known === undefined) return;
    for (const [i, byte] of bytes.entries()) {
      const to = at + i;
      const bit = 1 << (to & 7);
      if (((known[to >>> 3] ?? 0) & bit) !== 0) continue;
      page[to] = byte;
      known[to >>> 3] = (known[to >>> 3] ?? 0) | bit;
    }
  }

  /** Enters a page in the tables that lead to it, which are made where they are missing. */
  #map(va: number, index: number, tables: Map<string, Buffer>): void {
    let table: Buffer = this.#rootTable;
    let path = "";
    for (const { shift } of fourLevelPaging.levels) {
      const slot = tableIndex(va, shift);
      path += `/${slot}`;
      if (shift === 12) {
        writeEntry(table, slot, index);
        return;
      }
      let next = tables.get(path);
      if (next === undefined) {
        const made = this.#pages.length;
        next = Buffer.alloc(pageBytes);
        this.#pages.push(next);
        tables.set(path, next);
        writeEntry(table, slot, made);
      }
      table = next;
    }
  }

  #find(frame: Frame): Buffer | undefined {
    return frame === this.#root ? this.#rootTable : this.#pages[frame - firstMadeUp];
  }

  #page(frame: Frame): Buffer {
    const page = this.#find(frame);
    if (page !== undefined) return page;
    throw unreadable(`frame 0x${frame.toString(16)} is not in the dump`);
  }

  #require(frame: Frame, offset: number, bytes: number): void {
    const known = this.#known[frame - firstMadeUp];
    if (known === undefined) return;
    for (let at = offset; at < offset + bytes; at++) {
      if (((known[at >>> 3] ?? 0) & (1 << (at & 7))) === 0)
        throw unreadable(`byte ${at} of frame 0x${frame.toString(16)} is not in the dump`);
    }
  }
}

function writeEntry(table: Buffer, slot: number, index: number): void {
  table.writeBigUInt64LE(BigInt(firstMadeUp + index) * BigInt(pageBytes) + BigInt(entryFlags), 8 * slot);
}

function unreadable(message: string): VmmschedError {
  return new VmmschedError("ERR_FRAME_UNREADABLE", message);
}
