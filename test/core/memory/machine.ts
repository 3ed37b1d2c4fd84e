import { VmmschedError } from "../../../core/errors.js";
import type { PausedDomain } from "../../../core/hypervisor.js";
import { pageBytes, type Frame } from "../../../core/memory/address.js";
import type { PagingMode } from "../../../core/memory/paging.js";
import type { WritablePhysicalMemory } from "../../../core/memory/physical-memory.js";

const present = 1n;
const large = 0x80n;

/** A small machine: sparse RAM and page tables in it, built entry by entry. */
export class Machine implements WritablePhysicalMemory {
  readonly #frames = new Map<number, DataView>();
  readonly #mode: PagingMode;
  readonly root: Frame;
  #nextTable = 0x10000;
  /** Frames that refuse writes from now on. */
  readonly readOnly = new Set<number>();

  constructor(mode: PagingMode) {
    this.#mode = mode;
    this.root = this.#newTable();
  }

  /** Maps the page of `size` at `va` to `frame`, with `extra` bits (PAT, NX, writable) in the last entry. */
  map(va: bigint, frame: number, size: 4096 | 0x200000 | 0x40000000 = 4096, extra = 0n): void {
    let table: number = this.root;
    for (const level of this.#mode.levels) {
      const index = Number((va >> BigInt(level.shift)) & 511n);
      if (2 ** level.shift === size) {
        const leaf = (BigInt(frame) << 12n) | present | extra | (level.shift > 12 ? large : 0n);
        this.#frame(table).setBigUint64(index * 8, leaf, true);
        return;
      }
      const entry = this.#frame(table).getBigUint64(index * 8, true);
      const next = (entry & present) === 0n ? this.#newTable() : Number(entry >> 12n);
      this.#frame(table).setBigUint64(index * 8, (BigInt(next) << 12n) | present, true);
      table = next;
    }
  }

  /** Makes all 512 entries of the table for `va` whose entries map 2^shift bytes point to frames from `first` on; returns the table. */
  fillTable(va: bigint, shift: number, first: number): number {
    let table: number = this.root;
    for (const level of this.#mode.levels) {
      if (level.shift === shift) break;
      const index = Number((va >> BigInt(level.shift)) & 511n);
      table = Number(this.#frame(table).getBigUint64(index * 8, true) >> 12n);
    }
    for (let i = 0; i < 512; i++)
      this.#frame(table).setBigUint64(i * 8, (BigInt(first + i) << 12n) | present, true);
    return table;
  }

  unmap(va: bigint): void {
    let table: number = this.root;
    for (const level of this.#mode.levels) {
      const at = Number((va >> BigInt(level.shift)) & 511n) * 8;
      if (level.shift === 12) this.#frame(table).setBigUint64(at, 0n, true);
      else table = Number(this.#frame(table).getBigUint64(at, true) >> 12n);
    }
  }

  /** Makes `frame` exist, filled with `bytes`. */
  fill(frame: number, bytes: Uint8Array = new Uint8Array()): void {
    new Uint8Array(this.#frame(frame).buffer).set(bytes);
  }

  i32(frame: Frame, offset: number): number {
    return this.#existing(frame).getInt32(offset, true);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    into.set(new Uint8Array(this.#existing(frame).buffer, offset, into.length));
  }

  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    frames.forEach((frame, i) => {
      this.read(frame, 0, into.subarray(i * pageBytes, (i + 1) * pageBytes));
    });
    return frames.length;
  }

  write32(frame: Frame, offset: number, value: number): void {
    if (this.readOnly.has(frame))
      throw new VmmschedError("ERR_FRAME_UNWRITABLE", `frame ${String(frame)} is read-only`);
    this.#existing(frame).setUint32(offset, value, true);
  }

  /** The machine as a paused domain without vCPUs; `interrupt` may throw. */
  paused(interrupt: (apicId: number, vector: number) => void = () => undefined): PausedDomain {
    return { memory: this, vcpus: () => [], interrupt, [Symbol.dispose]: () => undefined };
  }

  #existing(frame: number): DataView {
    const page = this.#frames.get(frame);
    if (page === undefined) throw new VmmschedError("ERR_FRAME_UNREADABLE", `no frame ${String(frame)}`);
    return page;
  }

  #frame(frame: number): DataView {
    let page = this.#frames.get(frame);
    if (page === undefined) this.#frames.set(frame, (page = new DataView(new ArrayBuffer(pageBytes))));
    return page;
  }

  #newTable(): Frame {
    this.#frame(this.#nextTable);
    return this.#nextTable++ as Frame;
  }
}
