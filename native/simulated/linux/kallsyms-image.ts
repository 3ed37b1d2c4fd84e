/** A symbol of the kernel: nm's type letter, and its address or, for per-CPU variables, its offset. */
export interface KernelSymbol {
  readonly name: string;
  readonly type: string;
  readonly value: number;
}

/** A compressed set of names: 256 tokens, and each name as token numbers. */
interface CompressedNames {
  readonly tokens: readonly string[];
  readonly names: readonly Uint8Array[];
}

const tokenCount = 256;

/** Encodings of names that were compressed before: kernels of one build share them. */
const compressed = new Map<string, CompressedNames>();

/** In which order scripts/kallsyms.c writes its tables: 404bad70fcf7 moved the offsets behind the names (6.4). */
export type KallsymsOrder = "offsets first" | "names first";

/**
 * The kallsyms tables as they are in .rodata (scripts/kallsyms.c, CONFIG_KALLSYMS_BASE_RELATIVE and _ABSOLUTE_PERCPU), each
 * 8-aligned: offsets and relative_base come before num_syms, names, markers, token_table, token_index (Linux 6.1), or
 * after them, followed by seqs_of_names. `relativeBase` is the address of `_text`. Returns the blob and where in it
 * each table starts.
 */
export function kallsymsImage(
  symbols: readonly KernelSymbol[],
  relativeBase: number,
  order: KallsymsOrder,
): { bytes: Buffer; tables: ReadonlyMap<string, number> } {
  const sorted = symbols.toSorted((a, b) => addressOrder(a.value) - addressOrder(b.value));
  const { tokens, names } = compressNames(sorted.map((symbol) => symbol.type + symbol.name));
  const parts: Buffer[] = [];
  const tables = new Map<string, number>();
  let length = 0;
  const place = (name: string, part: Buffer): void => {
    tables.set(name, length);
    const padded = Buffer.alloc(Math.ceil(part.length / 8) * 8);
    part.copy(padded);
    parts.push(padded);
    length += padded.length;
  };
  const placeOffsets = (): void => {
    const offsets = sorted.map(({ value }) => (value >= 0 ? value : relativeBase - 1 - value));
    place("kallsyms_offsets", int32s(offsets));
    const base = Buffer.alloc(8);
    base.writeBigInt64LE(BigInt(relativeBase));
    place("kallsyms_relative_base", base);
  };
  if (order === "offsets first") placeOffsets();
  place("kallsyms_num_syms", int32s([sorted.length]));
  const { stream, markers } = nameStream(names);
  place("kallsyms_names", stream);
  place("kallsyms_markers", int32s(markers));
  place("kallsyms_token_table", Buffer.from(tokens.map((token) => token + "\0").join(""), "latin1"));
  place("kallsyms_token_index", tokenIndex(tokens));
  if (order === "names first") {
    placeOffsets();
    place("kallsyms_seqs_of_names", sequencesByName(sorted));
  }
  return { bytes: Buffer.concat(parts), tables };
}

/** Per-CPU offsets come first, then addresses, as unsigned numbers would sort. */
function addressOrder(value: number): number {
  return value >= 0 ? value : value + 2 ** 53;
}

/** Names one after the other, each behind its length, and the place of every 256th. */
function nameStream(names: readonly Uint8Array[]): { stream: Buffer; markers: number[] } {
  const parts: Uint8Array[] = [];
  const markers: number[] = [];
  let at = 0;
  names.forEach((name, i) => {
    if (i % 256 === 0) markers.push(at);
    // Since 6.1 a length of 128 or more takes two bytes, seven bits and the rest.
    const length = name.length < 0x80 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >>> 7];
    parts.push(Uint8Array.from(length), name);
    at += length.length + name.length;
  });
  return { stream: Buffer.concat(parts), markers };
}

/** For each name in order of names, its place in order of addresses: three bytes, the high one first. */
function sequencesByName(sorted: readonly KernelSymbol[]): Buffer {
  const byName = sorted
    .map(({ name }, index) => ({ name, index }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return Buffer.from(byName.flatMap(({ index }) => [index >>> 16, (index >>> 8) & 0xff, index & 0xff]));
}

function tokenIndex(tokens: readonly string[]): Buffer {
  const index = Buffer.alloc(2 * tokenCount);
  let at = 0;
  tokens.forEach((token, i) => {
    index.writeUInt16LE(at, 2 * i);
    at += token.length + 1;
  });
  return index;
}

function int32s(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeInt32LE(value | 0, 4 * i));
  return bytes;
}

/**
 * Pair compression: codes of characters that occur stand for themselves, each unused code is given to the pair of
 * codes that is the most frequent at that moment. Works on all names as one stream, each ended by a zero.
 */
function compressNames(texts: readonly string[]): CompressedNames {
  const key = texts.join("\0") + "\0";
  const known = compressed.get(key);
  if (known !== undefined) return known;
  const stream = Buffer.from(key, "latin1");
  const tokens = Array.from({ length: tokenCount }, () => "");
  for (const code of stream) if (code !== 0) tokens[code] = String.fromCharCode(code);
  const pairs = countPairs(stream);
  let length = stream.length;
  for (let code = tokenCount - 1; code > 0; code--) {
    if (tokens[code] !== "") continue;
    const best = mostFrequent(pairs);
    if (best < 0) break;
    tokens[code] = (tokens[best >>> 8] ?? "") + (tokens[best & 0xff] ?? "");
    length = replacePair(stream, length, best, code, pairs);
  }
  const names: Uint8Array[] = [];
  for (let from = 0; from < length;) {
    const end = stream.indexOf(0, from);
    names.push(stream.subarray(from, end));
    from = end + 1;
  }
  const result = { tokens, names };
  compressed.set(key, result);
  return result;
}

/** The commonest pair, or -1 when none occurs twice. */
function mostFrequent(pairs: Int32Array): number {
  let best = -1;
  let most = 1;
  for (let pair = 0; pair < pairs.length; pair++) {
    const count = pairs[pair] ?? 0;
    if (count > most) {
      most = count;
      best = pair;
    }
  }
  return best;
}

function countPairs(stream: Uint8Array): Int32Array {
  const pairs = new Int32Array(tokenCount * tokenCount);
  for (let at = 0; at + 1 < stream.length; at++) count(pairs, stream[at], stream[at + 1], 1);
  return pairs;
}

/** A pair with a zero, the end of a name, is none. */
function count(pairs: Int32Array, first = 0, second = 0, by: 1 | -1): void {
  const pair = (first << 8) | second;
  if (first !== 0 && second !== 0) pairs[pair] = (pairs[pair] ?? 0) + by;
}

/** Replaces `pair` by `code` in place, keeps the counts of pairs true, and returns the stream's new length. */
function replacePair(stream: Buffer, length: number, pair: number, code: number, pairs: Int32Array): number {
  const [first, second] = [pair >>> 8, pair & 0xff];
  const sought = Buffer.of(first, second);
  const whole = stream.subarray(0, length);
  let to = 0;
  let from = 0;
  for (;;) {
    const found = whole.indexOf(sought, from);
    const end = found < 0 ? length : found;
    whole.copyWithin(to, from, end);
    to += end - from;
    if (found < 0) return to;
    const before = to > 0 ? stream[to - 1] : 0;
    const after = found + 2 < length ? stream[found + 2] : 0;
    count(pairs, before, first, -1);
    count(pairs, first, second, -1);
    count(pairs, second, after, -1);
    count(pairs, before, code, 1);
    count(pairs, code, after, 1);
    stream[to++] = code;
    from = found + 2;
  }
}
