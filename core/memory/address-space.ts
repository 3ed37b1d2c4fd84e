import { VmmschedError } from "../errors.js";
import { formatVa, highWord, pageBytes, vaFromWords, type Frame, type GuestVa } from "./address.js";
import { frameInRegion, regionBytes, walk, walkToRegion, type PagingMode } from "./paging.js";
import type { PhysicalMemory } from "./physical-memory.js";

const tlbEntries = 4096;
const regionEntries = 512;

/**
 * Virtual memory of a guest through one page-table root. Every reader takes the address of a structure and the offset
 * of a member; an unmapped page throws ERR_GUEST_PAGE_NOT_PRESENT. Translations are kept until {@link flush}, which
 * callers invoke once a scan and once a pause: a guest may remap what is not its direct map at any time.
 */
export class AddressSpace {
  readonly #pages = new Float64Array(tlbEntries).fill(Number.NaN);
  readonly #frames = new Float64Array(tlbEntries);
  /** What maps each of the regions that were met: neighbouring structures lie in the same few. */
  readonly #regions = new Float64Array(regionEntries).fill(Number.NaN);
  readonly #mapped = new Float64Array(regionEntries);
  /** Address of the walk under way. */
  readonly #sought = new Float64Array(1);

  constructor(
    readonly memory: PhysicalMemory,
    readonly paging: PagingMode,
    readonly root: Frame,
  ) {}

  flush(): void {
    this.#pages.fill(Number.NaN);
    this.#regions.fill(Number.NaN);
  }

  /** Frame of the page that holds `va + offset`. */
  frame(va: GuestVa, offset: number): Frame {
    const page = this.#pageNumber(va, offset);
    const slot = page & (tlbEntries - 1);
    if (this.#pages[slot] === page) return this.#frames[slot] as Frame;
    this.#sought[0] = page * pageBytes;
    const found = this.#find(slot);
    if (found < 0) throw notPresent(va, offset);
    return found as Frame;
  }

  /** The same for the address in `at[0]`: nothing is allocated, whatever is compiled into what. */
  frameAt(at: Float64Array, offset: number): Frame {
    const va = at[0] ?? 0;
    const first = Math.floor(va / pageBytes);
    const page = first + Math.floor((va - first * pageBytes + offset) / pageBytes);
    const slot = page & (tlbEntries - 1);
    if (this.#pages[slot] === page) return (this.#frames[slot] ?? 0) as Frame;
    this.#sought[0] = page * pageBytes;
    const found = this.#find(slot);
    if (found < 0) throw notPresent((at[0] ?? 0) as GuestVa, offset);
    return found as Frame;
  }

  /** Translates the address of the walk under way, and keeps what it finds in `slot`. -1 where there is nothing. */
  #find(slot: number): number {
    const va = this.#sought[0] ?? 0;
    const region = Math.floor(va / regionBytes);
    const held = region & (regionEntries - 1);
    if (this.#regions[held] !== region) {
      if (!walkToRegion(this.memory, this.paging, this.root, this.#sought, this.#mapped, held)) return -1;
      this.#regions[held] = region;
    }
    const found = frameInRegion(this.memory, this.#mapped, held, this.#sought);
    if (found < 0) return -1;
    this.#pages[slot] = va / pageBytes;
    this.#frames[slot] = found;
    return found;
  }

  /** Is the page of `va + offset` present? */
  present(va: GuestVa, offset = 0): boolean {
    return walk(this.memory, this.paging, this.root, this.#pageNumber(va, offset) * pageBytes) >= 0;
  }

  i32(va: GuestVa, offset: number): number {
    const at = pageOffset(va, offset);
    if ((at & 3) === 0) return this.memory.i32(this.frame(va, offset), at);
    return this.u16(va, offset) | (this.u16(va, offset + 2) << 16);
  }

  u32(va: GuestVa, offset: number): number {
    return this.i32(va, offset) >>> 0;
  }

  u16(va: GuestVa, offset: number): number {
    return this.u8(va, offset) | (this.u8(va, offset + 1) << 8);
  }

  u8(va: GuestVa, offset: number): number {
    const at = pageOffset(va, offset);
    return (this.memory.i32(this.frame(va, offset), at & ~3) >>> ((at & 3) * 8)) & 0xff;
  }

  /** A 64-bit count or time as a number: exact up to 2^53. */
  u64(va: GuestVa, offset: number): number {
    return (this.i32(va, offset + 4) >>> 0) * 2 ** 32 + (this.i32(va, offset) >>> 0);
  }

  /** Writes {@link u64} to `into[index]`: a large number that is returned costs an allocation, one that is stored does not. */
  storeU64(va: GuestVa, offset: number, into: Float64Array, index: number): void {
    into[index] = (this.i32(va, offset + 4) >>> 0) * 2 ** 32 + (this.i32(va, offset) >>> 0);
  }

  /** Is the pointer at `va + offset` this address? Allocates nothing. */
  pointsTo(va: GuestVa, offset: number, target: GuestVa): boolean {
    return this.i32(va, offset) === (target | 0) && this.i32(va, offset + 4) === (highWord(target) | 0);
  }

  /** A pointer. Whether it points at anything is for the caller to check ({@link isKernelObject}). */
  pointer(va: GuestVa, offset: number): GuestVa {
    return vaFromWords(this.i32(va, offset), this.i32(va, offset + 4));
  }

  /** Fills `into` from `va + offset`, across pages. */
  read(va: GuestVa, offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const at = pageOffset(va, offset + done);
      const length = Math.min(into.length - done, pageBytes - at);
      this.memory.read(this.frame(va, offset + done), at, into.subarray(done, done + length));
      done += length;
    }
  }

  /** A NUL-terminated string of at most `maxBytes` bytes, as Latin-1: guests choose these bytes. */
  cstring(va: GuestVa, offset: number, maxBytes: number): string {
    const bytes = Buffer.alloc(maxBytes);
    this.read(va, offset, bytes);
    const end = bytes.indexOf(0);
    return bytes.toString("latin1", 0, end < 0 ? maxBytes : end);
  }

  /** Page number of `va + offset`, computed so that a 57-bit address loses no bit. */
  #pageNumber(va: GuestVa, offset: number): number {
    const page = Math.floor(va / pageBytes);
    return page + Math.floor((va - page * pageBytes + offset) / pageBytes);
  }
}

function notPresent(va: GuestVa, offset: number): VmmschedError {
  const details = { va: formatVa(va), offset };
  return new VmmschedError(
    "ERR_GUEST_PAGE_NOT_PRESENT",
    `no page at ${formatVa(va)} + ${String(offset)}`,
    details,
  );
}

/** Byte within its page of `va + offset`; both summands are taken modulo the page first, so nothing is rounded. */
export function pageOffset(va: GuestVa, offset: number): number {
  return ((va & 0xfff) + offset) & 0xfff;
}
