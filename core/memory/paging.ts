import { isVmmschedError } from "../errors.js";
import { pageBytes, type Frame } from "./address.js";
import type { PhysicalMemory } from "./physical-memory.js";

/** One level of a page table walk: the lowest address bit that its index covers, and whether an entry may map a large page. */
export interface PagingLevel {
  readonly name: string;
  readonly shift: number;
  readonly large: boolean;
}

/** A paging mode of x86-64, top level first; every index is 9 bits (Intel SDM vol. 3A, 4.5). */
export interface PagingMode {
  readonly name: "4-level" | "5-level";
  readonly levels: readonly PagingLevel[];
}

const lowerLevels: readonly PagingLevel[] = [
  { name: "PML4", shift: 39, large: false },
  { name: "PDPT", shift: 30, large: true },
  { name: "PD", shift: 21, large: true },
  { name: "PT", shift: 12, large: false },
];

export const fourLevelPaging: PagingMode = { name: "4-level", levels: lowerLevels };
export const fiveLevelPaging: PagingMode = {
  name: "5-level",
  levels: [{ name: "PML5", shift: 48, large: false }, ...lowerLevels],
};

const present = 0x1;
const writableBit = 0x2;
const pageSize = 0x80;
/** Bit 63, in an entry's high word: not executable. */
const noExecute = 1 << 31;
/** Bits 51..32 of an entry's high word: the upper part of the frame address. */
const frameHighMask = 0x000fffff;

/** Powers of two: V8 computes one anew each time, and slowly. */
const spans = Float64Array.from({ length: 64 }, (_, shift) => 2 ** shift);

/** 9-bit table index of `va` at `shift`: the shift as a division, since addresses have more than 32 bits. */
export function tableIndex(va: number, shift: number): number {
  return Math.floor(va / (spans[shift] ?? Number.NaN)) & 0x1ff;
}

/** The 4 KiB frame that `va` lies in, or -1 where no entry is present. Throws when a table's frame cannot be read. */
export function walk(memory: PhysicalMemory, mode: PagingMode, root: Frame, va: number): number {
  asked[0] = va;
  return walkTo(memory, mode, root, asked);
}

const asked = new Float64Array(1);
const foundRegion = new Float64Array(1);

/** The same for the address in `address[0]`: a large number that is passed may cost an allocation, one that is stored does not. */
export function walkTo(memory: PhysicalMemory, mode: PagingMode, root: Frame, address: Float64Array): number {
  if (!walkToRegion(memory, mode, root, address, foundRegion, 0)) return -1;
  return frameInRegion(memory, foundRegion, 0, address);
}

/** What one page table covers. */
export const regionBytes = 512 * pageBytes;

/**
 * Finds what maps the region around the address in `address[0]`, and writes it to `into[index]` for {@link frameInRegion}: the
 * frame of a page table; where one large page maps it all, -1 less the frame that the region begins with. False where
 * nothing does.
 */
export function walkToRegion(
  memory: PhysicalMemory,
  { levels }: PagingMode,
  root: Frame,
  address: Float64Array,
  into: Float64Array,
  index: number,
): boolean {
  const va = address[0] ?? 0;
  let table = root;
  for (const level of levels) {
    if (level.shift === 12) break;
    const at = tableIndex(va, level.shift) * 8;
    const low = memory.i32(table, at);
    if ((low & present) === 0) return false;
    const next = entryFrame(low, memory.i32(table, at + 4));
    if (level.large && (low & pageSize) !== 0) {
      into[index] = -1 - (frameWithin(next, level.shift, va) - tableIndex(va, 12));
      return true;
    }
    table = next as Frame;
  }
  into[index] = table;
  return true;
}

/** The frame of the address in `address[0]`, in the region that `from[index]` tells of; -1 where there is none. */
export function frameInRegion(
  memory: PhysicalMemory,
  from: Float64Array,
  index: number,
  address: Float64Array,
): number {
  const region = from[index] ?? -1;
  const page = tableIndex(address[0] ?? 0, 12);
  if (region < 0) return -1 - region + page;
  const low = memory.i32(region as Frame, page * 8);
  return (low & present) === 0 ? -1 : entryFrame(low, memory.i32(region as Frame, page * 8 + 4));
}

/** Frame number in an entry given as two words. A large entry keeps PAT in bit 12: {@link frameWithin} drops it. */
function entryFrame(low: number, high: number): number {
  return (high & frameHighMask) * 2 ** 20 + (low >>> 12);
}

/** The 4 KiB frame of `va` inside the large page that starts at `entry`, whose low bits (PAT) do not count. */
function frameWithin(entry: number, shift: number, va: number): number {
  const within = (1 << (shift - 12)) - 1;
  return entry - (entry & within) + (Math.floor(va / pageBytes) & within);
}

/** A page found by {@link presentPages}. */
export interface PresentPage {
  /** Virtual address of the 4 KiB page. */
  readonly va: number;
  readonly frame: Frame;
  /** By the entry that maps the page; the levels above are not asked. */
  readonly writable: boolean;
  readonly executable: boolean;
}

/**
 * Every present 4 KiB page of `[from, to)`, in address order, large pages split. Both bounds are signed addresses.
 * Table frames that cannot be read are passed over: a scan takes what is there.
 */
export function* presentPages(
  memory: PhysicalMemory,
  mode: PagingMode,
  root: Frame,
  from: number,
  to: number,
): Generator<PresentPage> {
  for (const pages of presentBelow(memory, mode.levels, 0, root, from, to)) yield* pages;
}

/** A large page, or many of them, are more than anybody may want. */
const pagesAtOnce = 512;

/** The pages of one entry after the other: a page table's own are one piece, so that few pass through all levels. */
function* presentBelow(
  memory: PhysicalMemory,
  levels: readonly PagingLevel[],
  depth: number,
  table: Frame,
  from: number,
  to: number,
): Generator<readonly PresentPage[]> {
  const level = levels[depth];
  if (level === undefined || !isReadable(memory, table)) return;
  const span = 2 ** level.shift;
  const pages: PresentPage[] = [];
  for (let va = Math.floor(from / span) * span; va < to; va += span) {
    const at = tableIndex(va, level.shift) * 8;
    const low = memory.i32(table, at);
    if ((low & present) === 0) continue;
    const high = memory.i32(table, at + 4);
    const entry = entryFrame(low, high);
    const start = Math.max(va, from);
    const end = Math.min(va + span, to);
    if (level.shift > 12 && !(level.large && (low & pageSize) !== 0)) {
      yield pages.splice(0);
      yield* presentBelow(memory, levels, depth + 1, entry as Frame, start, end);
      continue;
    }
    const writable = (low & writableBit) !== 0;
    const executable = (high & noExecute) === 0;
    for (let page = start; page < end; page += pageBytes) {
      const frame = (level.shift === 12 ? entry : frameWithin(entry, level.shift, page)) as Frame;
      if (pages.push({ va: page, frame, writable, executable }) === pagesAtOnce) yield pages.splice(0);
    }
  }
  yield pages;
}

/** Can this table be read? Asked once a table: a driver may take long to find that a frame is not there. */
function isReadable(memory: PhysicalMemory, table: Frame): boolean {
  try {
    memory.i32(table, 0);
    return true;
  } catch (error) {
    if (isVmmschedError(error, "ERR_FRAME_UNREADABLE")) return false;
    throw error;
  }
}
