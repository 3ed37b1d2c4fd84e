import { VmmschedError } from "../../../core/errors.js";
import { AddressSpace } from "../../../core/memory/address-space.js";
import { pageBytes, type Frame } from "../../../core/memory/address.js";
import { fourLevelPaging, tableIndex } from "../../../core/memory/paging.js";
import type { PhysicalMemory } from "../../../core/memory/physical-memory.js";
import { piecesOf, type RamPiece } from "../../../core/ram-piece.js";

/** RAM of which only what was written exists, with page tables that the machine's own CPUs could use. */
export class SparseRam implements PhysicalMemory {
  readonly #frames = new Map<number, Buffer>();
  /** Frames are taken in steps, so that neighbours in virtual memory are none here. */
  #next = 0x1000;

  frame(frame: number): Buffer {
    let page = this.#frames.get(frame);
    if (page === undefined) this.#frames.set(frame, (page = Buffer.alloc(pageBytes)));
    return page;
  }

  /** The frame, if it exists. */
  find(frame: number): Buffer | undefined {
    return this.#frames.get(frame);
  }

  newFrame(): Frame {
    this.#next += 7;
    this.frame(this.#next);
    return this.#next as Frame;
  }

  i32(frame: Frame, offset: number): number {
    return this.#require(frame).readInt32LE(offset);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    this.#require(frame).copy(into, 0, offset, offset + into.length);
  }

  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    let count = 0;
    for (const [i, frame] of frames.entries()) {
      const page = this.#frames.get(frame);
      if (page !== undefined) count++;
      into.set(page ?? Buffer.alloc(pageBytes), i * pageBytes);
    }
    return count;
  }

  /** All that exist, in ascending order. */
  get frames(): readonly (readonly [frame: number, page: Buffer])[] {
    return [...this.#frames].sort(([one], [other]) => one - other);
  }

  /** All that exist, for a search. */
  pieces(): AsyncIterable<RamPiece> {
    const { frames } = this;
    return piecesOf(this, frames.length, (index) => (frames[index]?.[0] ?? -1) as Frame);
  }

  #require(frame: Frame): Buffer {
    const page = this.#frames.get(frame);
    if (page !== undefined) return page;
    throw new VmmschedError("ERR_FRAME_UNREADABLE", `no frame 0x${frame.toString(16)}`);
  }
}

/** What a top page table maps, to be written through. */
export class Mapping {
  constructor(
    readonly ram: SparseRam,
    readonly root: Frame = ram.newFrame(),
  ) {}

  get space(): AddressSpace {
    return new AddressSpace(this.ram, fourLevelPaging, this.root);
  }

  /** Maps a page to a frame, which is made where none is given; a page that is mapped stays as it is. */
  map(va: number, frame?: Frame): Frame {
    let table = this.root;
    for (const { shift } of fourLevelPaging.levels) {
      const slot = 8 * tableIndex(va, shift);
      const page = this.ram.frame(table);
      const entry = page.readBigUInt64LE(slot);
      const next =
        entry === 0n
          ? shift === 12
            ? (frame ?? this.ram.newFrame())
            : this.ram.newFrame()
          : Number(entry >> 12n);
      if (entry === 0n) page.writeBigUInt64LE((BigInt(next) << 12n) | 3n, slot);
      table = next as Frame;
    }
    return table;
  }

  write(va: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = (((va + done) % pageBytes) + pageBytes) % pageBytes;
      const length = Math.min(bytes.length - done, pageBytes - at);
      this.ram.frame(this.map(va + done - at)).set(bytes.subarray(done, done + length), at);
      done += length;
    }
  }

  u8(va: number, value: number): void {
    this.write(va, Buffer.from([value]));
  }

  u16(va: number, value: number): void {
    this.write(va, Buffer.from(Uint16Array.of(value).buffer));
  }

  u32(va: number, value: number): void {
    this.write(va, Buffer.from(Uint32Array.of(value).buffer));
  }

  u64(va: number, value: number | bigint): void {
    this.write(va, Buffer.from(BigUint64Array.of(BigInt.asUintN(64, BigInt(value))).buffer));
  }

  /** A list whose links lie at these addresses, in this order. */
  ring(...links: readonly number[]): void {
    for (const [i, link] of links.entries()) {
      this.u64(link, links[(i + 1) % links.length]!);
      this.u64(link + 8, links.at(i - 1)!);
    }
  }
}
