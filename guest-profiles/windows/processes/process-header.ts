import { pageBytes, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import type { WindowsLayout } from "../layout.js";

/**
 * Of a dispatcher header's first dword: Type without the bit that locks it (7 and later) and Size. What lies between and
 * behind them changes while a process lives.
 */
const headerMask = 0x00ff007f;
const words = { signalState: 1, waitFlink: 2, waitBlink: 4 } as const;
const wordsPerPage = pageBytes / 4;
/** Pool blocks begin at multiples of 16 bytes, and so do the objects in them. */
const wordsPerStep = 4;
/** Where the kernel's half of 48-bit addresses begins: its upper word. */
const kernelHalf = 0xffff8000 | 0;
/** Bits of a page-table root's upper word that no physical address has. */
const noAddress = 0xfff00000 | 0;

/** How an EPROCESS begins in one build. */
export interface ProcessHeader {
  /** First dword, as far as it stays the same. */
  readonly begin: number;
  /** Word of KPROCESS.DirectoryTableBase. */
  readonly root: number;
}

/** Where a kernel keeps its processes, and how they begin. */
export interface ProcessPlaces {
  readonly space: AddressSpace;
  readonly layout: WindowsLayout;
  readonly header: ProcessHeader;
  readonly system: GuestVa;
}

/** By the System process: to Windows 10 1909 Size is that of KPROCESS in dwords, later it is 0. */
export function processHeader(
  space: AddressSpace,
  system: GuestVa,
  { KPROCESS }: WindowsLayout,
): ProcessHeader {
  return { begin: space.i32(system, 0) & headerMask, root: KPROCESS.DirectoryTableBase / 4 };
}

/** Does the structure at `va` begin as a process does? */
export function beginsAsProcess(space: AddressSpace, va: GuestVa, { begin }: ProcessHeader): boolean {
  return (space.i32(va, 0) & headerMask) === begin;
}

/**
 * Finds what may be a process in whole frames, by what stands in its first words: the header's type, a signal state of 0 or
 * 1, wait links into the kernel's half, a page-table root. Writes the byte offsets to `found`, and returns how many they
 * are; the search ends when `found` is full.
 */
export function findProcessHeaders(
  ram: Int32Array,
  { begin, root }: ProcessHeader,
  found: Int32Array,
): number {
  let count = 0;
  const end = ram.length;
  for (let at = 0; at < end; at += 4 * wordsPerStep) {
    // Four steps in one: the loop itself takes as long as a look.
    if (((ram[at] ?? 0) & headerMask) === begin && mayBeProcess(ram, at, root)) {
      if (count === found.length) return count;
      found[count++] = 4 * at;
    }
    if (((ram[at + 4] ?? 0) & headerMask) === begin && mayBeProcess(ram, at + 4, root)) {
      if (count === found.length) return count;
      found[count++] = 4 * (at + 4);
    }
    if (((ram[at + 8] ?? 0) & headerMask) === begin && mayBeProcess(ram, at + 8, root)) {
      if (count === found.length) return count;
      found[count++] = 4 * (at + 8);
    }
    if (((ram[at + 12] ?? 0) & headerMask) === begin && mayBeProcess(ram, at + 12, root)) {
      if (count === found.length) return count;
      found[count++] = 4 * (at + 12);
    }
  }
  return count;
}

/** `root`: word of the page-table root. One whose first words lie in two frames is not found. */
function mayBeProcess(ram: Int32Array, at: number, root: number): boolean {
  if ((at % wordsPerPage) + root + 2 > wordsPerPage) return false;
  const signalState = ram[at + words.signalState] ?? -1;
  const high = ram[at + root + 1] ?? -1;
  return (
    (signalState === 0 || signalState === 1) &&
    isKernelLink(ram, at + words.waitFlink) &&
    isKernelLink(ram, at + words.waitBlink) &&
    (high & noAddress) === 0 &&
    (high !== 0 || (ram[at + root] ?? 0) >>> 12 !== 0)
  );
}

function isKernelLink(ram: Int32Array, at: number): boolean {
  const high = ram[at + 1] ?? 0;
  return ((ram[at] ?? 1) & 7) === 0 && high < 0 && high >= kernelHalf;
}
