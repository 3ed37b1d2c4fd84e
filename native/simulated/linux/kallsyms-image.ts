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

/**
 * The kallsyms tables as Linux 6.1 has them in .rodata (scripts/kallsyms.c, CONFIG_KALLSYMS_BASE_RELATIVE and
 * _ABSOLUTE_PERCPU): offsets, relative_base, num_syms, names, markers, token_table, token_index, each 8-aligned.
 * `relativeBase` is the address of `_text`. Returns the blob and where in it each table starts.
 */
export function kallsymsImage(
  symbols: readonly KernelSymbol[],
  relativeBase: number,
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
  place(
    "kallsyms_offsets",
    int32s(sorted.map((symbol) => (symbol.value >= 0 ? symbol.value : relativeBase - 1 - symbol.value))),
  );
  const base = Buffer.alloc(8);
  base.writeBigInt64LE(BigInt(relativeBase));
  place("kallsyms_relative_base", base);
  place("kallsyms_num_syms", int32s([sorted.length]));
  const { stream, markers } = nameStream(names);
  place("kallsyms_names", stream);
  place("kallsyms_markers", int32s(markers));
  place("kallsyms_token_table", Buffer.from(tokens.map((token) => token + "\0").join(""), "latin1"));
  place("kallsyms_token_index", tokenIndex(tokens));
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
 * codes that is the most frequent at that moment.
 */
function compressNames(texts: readonly string[]): CompressedNames {
  const key = texts.join("\n");
  const known = compressed.get(key);
  if (known !== undefined) return known;
  const names: Uint8Array[] = texts.map((text) => Uint8Array.from(Buffer.from(text, "latin1")));
  const tokens = Array.from({ length: tokenCount }, () => "");
  for (const name of names) for (const code of name) tokens[code] = String.fromCharCode(code);
  const pairs = new Int32Array(tokenCount * tokenCount);
  for (const name of names) countPairs(pairs, name, 1);
  for (let code = tokenCount - 1; code >= 0; code--) {
    if (tokens[code] !== "") continue;
    const best = mostFrequent(pairs);
    if (best < 0) break;
    const first = best >>> 8;
    const second = best & 0xff;
    tokens[code] = (tokens[first] ?? "") + (tokens[second] ?? "");
    for (let i = 0; i < names.length; i++) {
      const name = names[i] ?? new Uint8Array();
      const shorter = replacePair(name, first, second, code);
      if (shorter === name) continue;
      countPairs(pairs, name, -1);
      countPairs(pairs, shorter, 1);
      names[i] = shorter;
    }
  }
  const result = { tokens, names };
  compressed.set(key, result);
  return result;
}

function countPairs(pairs: Int32Array, name: Uint8Array, by: number): void {
  for (let i = 0; i + 1 < name.length; i++) {
    const pair = ((name[i] ?? 0) << 8) | (name[i + 1] ?? 0);
    pairs[pair] = (pairs[pair] ?? 0) + by;
  }
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

/** `name` with each pair replaced by `code`; the same array where there is none. */
function replacePair(name: Uint8Array, first: number, second: number, code: number): Uint8Array {
  let from = -1;
  for (let i = 0; i + 1 < name.length; i++) {
    if (name[i] === first && name[i + 1] === second) {
      from = i;
      break;
    }
  }
  if (from < 0) return name;
  const shorter = new Uint8Array(name.length);
  shorter.set(name.subarray(0, from));
  let length = from;
  for (let i = from; i < name.length; i++) {
    if (name[i] === first && name[i + 1] === second) {
      shorter[length++] = code;
      i++;
    } else {
      shorter[length++] = name[i] ?? 0;
    }
  }
  return shorter.slice(0, length);
}
