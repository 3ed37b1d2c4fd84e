import { isVmmschedError, VmmschedError } from "../errors.js";
import { formatVa, pageBytes, type Frame } from "./address.js";
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

/** 9-bit table index of `va` at `shift`: the shift as a division, since addresses have more than 32 bits. */
export function tableIndex(va: number, shift: number): number {
  return Math.floor(va / 2 ** shift) & 0x1ff;
}

/** The 4 KiB frame that `va` lies in, or -1 where no entry is present. Throws when a table's frame cannot be read. */
export function walk(memory: PhysicalMemory, mode: PagingMode, root: Frame, va: number): number {
  let table = root;
  for (const level of mode.levels) {
    const at = tableIndex(va, level.shift) * 8;
    const low = memory.i32(table, at);
    if ((low & present) === 0) return -1;
    const next = entryFrame(low, memory.i32(table, at + 4));
    if (level.shift === 12) return next;
    if (level.large && (low & pageSize) !== 0) return frameWithin(next, level.shift, va);
    table = next as Frame;
  }
  throw new VmmschedError("ERR_GUEST_CORRUPT", `page walk of ${formatVa(va)} did not end`);
}

/** Frame number in an entry given as two words. A large entry keeps PAT in bit 12: {@link frameWithin} drops it. */
function entryFrame(low: number, high: number): number {
  return (high & frameHighMask) * 2 ** 20 + (low >>> 12);
}

/** The 4 KiB frame of `va` inside the large page that starts at `entry`, whose low bits (PAT) do not count. */
function frameWithin(entry: number, shift: number, va: number): number {
  const frames = 2 ** (shift - 12);
  return entry - (entry % frames) + (Math.floor(va / pageBytes) & (frames - 1));
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
  yield* presentBelow(memory, mode.levels, 0, root, from, to);
}

function* presentBelow(
  memory: PhysicalMemory,
  levels: readonly PagingLevel[],
  depth: number,
  table: Frame,
  from: number,
  to: number,
): Generator<PresentPage> {
  const level = levels[depth];
  if (level === undefined || !isReadable(memory, table)) return;
  const span = 2 ** level.shift;
  for (let va = Math.floor(from / span) * span; va < to; va += span) {
    const at = tableIndex(va, level.shift) * 8;
    const low = memory.i32(table, at);
    if ((low & present) === 0) continue;
    const high = memory.i32(table, at + 4);
    const entry = entryFrame(low, high);
    const start = Math.max(va, from);
    const end = Math.min(va + span, to);
    if (level.shift > 12 && !(level.large && (low & pageSize) !== 0)) {
      yield* presentBelow(memory, levels, depth + 1, entry as Frame, start, end);
      continue;
    }
    const writable = (low & writableBit) !== 0;
    const executable = (high & noExecute) === 0;
    for (let page = start; page < end; page += pageBytes) {
      const frame = (level.shift === 12 ? entry : frameWithin(entry, level.shift, page)) as Frame;
      yield { va: page, frame, writable, executable };
    }
  }
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
