/** Tokens "0" to "9" stand in the token table as themselves: the shape that gives it away (scripts/kallsyms.c). */
const digits = Buffer.from("0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00", "latin1");
const tokenCount = 256;
const digitZero = 0x30;
/** A marker for each so many names. */
const namesAMarker = 256;
/** Bounds of num_syms: a search back from the token table tries every word that lies between them. */
const fewestSymbols = 128;
const mostSymbols = 1_000_000;
/** The kernel-image range, in which relative_base lies (page-aligned). */
const imageHigh = 0xffffffff;
const imageLow = 0x80000000;

/** A plain array: walking one is faster than walking a Buffer. */
export type Token = readonly number[];

/** Where the kallsyms tables lie in a copy of the kernel's read-only data (byte positions) and what they say. */
export interface KallsymsTables {
  readonly offsets: number;
  readonly relativeBase: bigint;
  /** Offsets from relative_base are stored as -1 - offset, others are absolute: per-CPU (CONFIG_KALLSYMS_ABSOLUTE_PERCPU). */
  readonly absolutePerCpu: boolean;
  readonly symbolCount: number;
  readonly names: number;
  /** The bytes of each of the 256 tokens. */
  readonly tokens: readonly Token[];
}

interface TokenTable {
  readonly at: number;
  /** Byte after token_index, 8-aligned. */
  readonly end: number;
  readonly tokens: readonly Token[];
}

/**
 * Finds the tables by their shape (scripts/kallsyms.c with KALLSYMS_BASE_RELATIVE), each 8-aligned, in either of the orders
 * that kernels have:
 *
 * - offsets, relative_base, num_syms, names, markers, [seqs_of_names,] token_table, token_index
 * - num_syms, names, markers, token_table, token_index, offsets, relative_base (since 404bad70fcf7, 6.4)
 *
 * Every step is proved by the next: the index by the tokens, the names by ending where the markers say and begin, the
 * offsets by ascending.
 */
export function findTables(bytes: Buffer): KallsymsTables | undefined {
  for (const table of tokenTables(bytes)) {
    const found = locateNames(bytes, table);
    if (found === undefined) continue;
    const offsets = locateOffsets(bytes, table, found);
    if (offsets !== undefined) return { ...found, ...offsets, tokens: table.tokens };
  }
  return undefined;
}

/** Every token table whose index, which follows it, agrees with it. */
function* tokenTables(bytes: Buffer): Generator<TokenTable> {
  for (let hit = bytes.indexOf(digits); hit >= 0; hit = bytes.indexOf(digits, hit + 1)) {
    const at = tableStart(bytes, hit);
    if (at < 0) continue;
    const tokens: Token[] = [];
    const starts: number[] = [];
    let position = at;
    for (let i = 0; i < tokenCount; i++) {
      const end = bytes.indexOf(0, position);
      if (end < 0) break;
      starts.push(position - at);
      tokens.push([...bytes.subarray(position, end)]);
      position = end + 1;
    }
    const index = align8(position);
    const end = index + 2 * tokenCount;
    if (tokens.length < tokenCount || end > bytes.length) continue;
    if (starts.every((start, i) => bytes.readUInt16LE(index + 2 * i) === start)) yield { at, end, tokens };
  }
}

/** The table starts 48 tokens before the one for "0". */
function tableStart(bytes: Buffer, zeroToken: number): number {
  let at = zeroToken;
  for (let token = 0; token < digitZero; token++) {
    at = at < 2 ? -1 : bytes.lastIndexOf(0, at - 2) + 1;
    if (at <= 0 || zeroToken - at > 4096) return -1;
  }
  return at;
}

/** Searches back from the token table for num_syms and the names behind it. */
function locateNames(bytes: Buffer, table: TokenTable): { symbolCount: number; names: number } | undefined {
  for (let at = table.at - 16; at >= 0; at -= 8) {
    // Most words go here: mostSymbols needs three bytes, and the five behind them are zero.
    if (bytes[at + 3] !== 0 || bytes[at + 4] !== 0) continue;
    const symbolCount = bytes.readUInt32LE(at);
    if (symbolCount < fewestSymbols || symbolCount > mostSymbols || bytes.readUInt32LE(at + 4) !== 0)
      continue;
    if (namesFit(bytes, at + 8, symbolCount, table.at)) return { symbolCount, names: at + 8 };
  }
  return undefined;
}

/** Do `count` names and the markers behind them, and perhaps seqs_of_names (3 bytes each), reach the token table? */
function namesFit(bytes: Buffer, names: number, count: number, tokenTable: number): boolean {
  const marked: number[] = [];
  let at = names;
  for (let i = 0; i < count; i++) {
    if (i % namesAMarker === 0) marked.push(at - names);
    const length = nameLength(bytes, at);
    if (length === 0 || at + length > tokenTable) return false;
    at = nameStart(bytes, at) + length;
  }
  const markers = align8(at);
  const end = align8(markers + 4 * marked.length);
  if (end !== tokenTable && align8(end + 3 * count) !== tokenTable) return false;
  return marked.every((start, i) => bytes.readUInt32LE(markers + 4 * i) === start);
}

/** Looks for offsets and relative_base before num_syms and behind token_index. */
function locateOffsets(
  bytes: Buffer,
  table: TokenTable,
  { symbolCount, names }: { symbolCount: number; names: number },
): Pick<KallsymsTables, "offsets" | "relativeBase" | "absolutePerCpu"> | undefined {
  const length = align8(4 * symbolCount);
  for (const offsets of [names - 16 - length, table.end]) {
    const base = offsets + length;
    if (offsets < 0 || base + 8 > bytes.length) continue;
    const low = bytes.readUInt32LE(base);
    if (bytes.readUInt32LE(base + 4) !== imageHigh || low < imageLow || (low & 0xfff) !== 0) continue;
    const absolutePerCpu = ascending(bytes, offsets, symbolCount);
    if (absolutePerCpu !== undefined)
      return { offsets, relativeBase: bytes.readBigUInt64LE(base), absolutePerCpu };
  }
  return undefined;
}

/** Symbols are sorted by address. Undefined when these are not; else whether some are absolute and the rest negative. */
function ascending(bytes: Buffer, offsets: number, count: number): boolean | undefined {
  let absolute = 0;
  let relative = 0;
  for (let i = 0; i < count; i++) {
    const offset = bytes.readInt32LE(offsets + 4 * i);
    if (offset < 0) {
      if (-1 - offset < relative) return undefined;
      relative = -1 - offset;
    } else {
      if (offset < absolute) return undefined;
      absolute = offset;
    }
  }
  return relative > 0;
}

/** Bytes of the compressed name at `at`: one length byte, or two where the first has its top bit set (since 6.1). */
export function nameLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  return (first & 0x80) === 0 ? first : (first & 0x7f) | ((bytes[at + 1] ?? 0) << 7);
}

export function nameStart(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) & 0x80) === 0 ? at + 1 : at + 2;
}

function align8(position: number): number {
  return Math.ceil(position / 8) * 8;
}
