import { formatVa, pageBytes } from "../../../core/memory/address.js";
import { walk, type PagingMode } from "../../../core/memory/paging.js";
import type { Ram } from "../ram.js";
import { BugCheck } from "./bug-check.js";

const twoTo32 = 2 ** 32;

/** A range of kernel addresses; the translations found in it are kept, since the kernel maps nothing anew there. */
interface Window {
  readonly base: number;
  readonly bytes: number;
  /** PFN of each page; -1 until it is looked up. */
  readonly pfns: Int32Array;
}

/**
 * Memory as the guest's kernel sees it, through the System process's page tables: what stands in RAM is all that its
 * dispatcher knows. A bad address, for instance in a list that somebody broke, ends in a bug check.
 */
export class KernelMemory {
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #windows: Window[] = [];

  constructor(
    readonly ram: Ram,
    private readonly mode: PagingMode,
    /** PFN of the System process's page-table root. */
    readonly root: number,
  ) {
    this.#words = ram.words;
    this.#bytes = ram.bytes;
  }

  /** Keeps the translations of `[base, base + bytes)`. */
  keepTranslations(base: number, bytes: number): void {
    this.#windows.push({ base, bytes, pfns: new Int32Array(bytes / pageBytes).fill(-1) });
  }

  /** Physical address of `va + offset`. */
  pa(va: number, offset: number): number {
    const at = va + offset;
    for (const { base, bytes, pfns } of this.#windows) {
      const inWindow = at - base;
      if (inWindow < 0 || inWindow >= bytes) continue;
      let pfn = pfns[inWindow >>> 12] ?? -1;
      if (pfn < 0) {
        pfn = this.#walk(at);
        pfns[inWindow >>> 12] = pfn;
      }
      return pfn * pageBytes + (inWindow & 0xfff);
    }
    return this.#walk(at) * pageBytes + (at & 0xfff);
  }

  u8(va: number, offset: number): number {
    return this.#bytes[this.pa(va, offset)] ?? 0;
  }

  w8(va: number, offset: number, value: number): void {
    this.#bytes[this.pa(va, offset)] = value;
  }

  s8(va: number, offset: number): number {
    return (this.u8(va, offset) << 24) >> 24;
  }

  u16(va: number, offset: number): number {
    const at = this.pa(va, offset);
    return (this.#bytes[at] ?? 0) + (this.#bytes[at + 1] ?? 0) * 256;
  }

  w16(va: number, offset: number, value: number): void {
    const at = this.pa(va, offset);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
  }

  u32(va: number, offset: number): number {
    return this.#words[this.pa(va, offset) >>> 2] ?? 0;
  }

  w32(va: number, offset: number, value: number): void {
    this.#words[this.pa(va, offset) >>> 2] = value;
  }

  /** A pointer or a signed 64-bit count. */
  s64(va: number, offset: number): number {
    const at = this.pa(va, offset) >>> 2;
    return ((this.#words[at + 1] ?? 0) | 0) * twoTo32 + (this.#words[at] ?? 0);
  }

  w64(va: number, offset: number, value: number): void {
    const at = this.pa(va, offset) >>> 2;
    this.#words[at] = value;
    this.#words[at + 1] = Math.floor(value / twoTo32);
  }

  w64Big(va: number, offset: number, value: bigint): void {
    this.w32(va, offset, Number(BigInt.asUintN(32, value)));
    this.w32(va, offset + 4, Number(BigInt.asUintN(32, value >> 32n)));
  }

  /** Writes bytes, across pages. */
  write(va: number, offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = this.pa(va, offset + done);
      const length = Math.min(bytes.length - done, pageBytes - (at & 0xfff));
      this.#bytes.set(bytes.subarray(done, done + length), at);
      done += length;
    }
  }

  text(va: number, offset: number, maximum: number): string {
    let text = "";
    for (let i = 0; i < maximum; i++) {
      const byte = this.u8(va, offset + i);
      if (byte === 0) break;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Clears a structure, across pages. */
  zero(va: number, length: number): void {
    this.write(va, 0, new Uint8Array(length));
  }

  #walk(at: number): number {
    const frame = at < 0 && at >= -(2 ** 47) ? walk(this.ram, this.mode, this.ram.frame(this.root), at) : -1;
    const pfn = frame < 0 ? -1 : this.ram.pfn(frame);
    if (pfn < 0) throw new BugCheck("PAGE_FAULT_IN_NONPAGED_AREA", `nothing is mapped at ${formatVa(at)}`);
    return pfn;
  }
}
