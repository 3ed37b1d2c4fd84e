import { othersFirst, vaFromBigInt, VmmschedError, type GuestVa } from "vmmsched/plugin-api";
import type { KernelImage } from "./kernel-image.js";

/** Address of each wanted symbol that the kernel has: per-CPU variables as offsets into a CPU's area. */
export type Symbols = ReadonlyMap<string, GuestVa>;

/** Name under which {@link Symbols} has the address where the symbol after `name` begins: where `name` ends at the latest. */
export function endOf(name: string): string {
  return `${name} end`;
}

/** Tokens "0" to "9" stand in the token table as themselves: the shape that gives it away (scripts/kallsyms.c). */
const digits = Buffer.from("0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00", "latin1");
const tokenCount = 256;
const digitZero = 0x30;
/** Bounds of num_syms: a search back from the token table tries every word that lies between them. */
const fewestSymbols = 128;
const mostSymbols = 1_000_000;
/** Names looked at between two turns of the event loop: other domains are served meanwhile. */
const namesAtOnce = 8192;

/** Symbols at one address. */
const mostAliases = 64;

/** A plain array: walking one is faster than walking a Buffer. */
type Token = readonly number[];

/** Where the kallsyms tables lie in the copy of the kernel image (byte positions) and what their header says. */
interface KallsymsTables {
  readonly offsets: number;
  readonly relativeBase: bigint;
  readonly symbolCount: number;
  readonly names: number;
  /** The bytes of each of the 256 tokens. */
  readonly tokens: readonly Token[];
}

/**
 * Finds the kallsyms tables by their shape and looks the wanted names up. Tables as in Linux 5.x to 6.3 with
 * KALLSYMS_BASE_RELATIVE: offsets, relative_base, num_syms, names, markers, token_table, token_index, each 8-aligned.
 * Throws ERR_GUEST_UNSUPPORTED when there are none.
 */
export async function findSymbols(image: KernelImage, wanted: readonly string[]): Promise<Symbols> {
  for (const table of tokenTables(image.bytes)) {
    const tables = locate(image.bytes, table.at, table.tokens);
    await othersFirst();
    if (tables !== undefined) return lookUp(image.bytes, tables, wanted);
  }
  throw new VmmschedError(
    "ERR_GUEST_UNSUPPORTED",
    "no kallsyms tables in the kernel image (CONFIG_KALLSYMS off, or an unknown order of tables)",
  );
}

/** Every token table whose index, which follows it, agrees with it. */
function* tokenTables(bytes: Buffer): Generator<{ at: number; tokens: readonly Token[] }> {
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
    if (
      tokens.length === tokenCount &&
      starts.every((start, i) => bytes.readUInt16LE(index + 2 * i) === start)
    ) {
      yield { at, tokens };
    }
  }
}

/** The table starts 48 tokens before the one for "0". */
function tableStart(bytes: Buffer, zeroToken: number): number {
  let at = zeroToken;
  for (let token = 0; token < digitZero; token++) {
    at = bytes.lastIndexOf(0, at - 2) + 1;
    if (at <= 0 || zeroToken - at > 4096) return -1;
  }
  return at;
}

/** Searches back from the token table for relative_base and num_syms, and proves them by walking names and markers. */
function locate(bytes: Buffer, tokenTable: number, tokens: readonly Token[]): KallsymsTables | undefined {
  for (let at = tokenTable - 16; at >= 8; at -= 8) {
    const symbolCount = bytes.readUInt32LE(at);
    if (symbolCount < fewestSymbols || symbolCount > mostSymbols || bytes.readUInt32LE(at + 4) !== 0)
      continue;
    if (bytes.readUInt32LE(at - 4) !== 0xffffffff || (bytes.readUInt32LE(at - 8) & 0xfff) !== 0) continue;
    const offsets = at - 8 - align8(symbolCount * 4);
    if (offsets < 0 || !namesFit(bytes, at + 8, symbolCount, tokenTable)) continue;
    return { offsets, relativeBase: bytes.readBigUInt64LE(at - 8), symbolCount, names: at + 8, tokens };
  }
  return undefined;
}

/** Do `count` names end before the token table, with a marker for each 256th? */
function namesFit(bytes: Buffer, names: number, count: number, tokenTable: number): boolean {
  let at = names;
  let second = -1;
  for (let i = 0; i < count; i++) {
    if (i === tokenCount) second = at - names;
    const length = nameLength(bytes, at);
    if (length === 0 || at + length > tokenTable) return false;
    at = nameStart(bytes, at) + length;
  }
  const markers = align8(at);
  return bytes.readUInt32LE(markers) === 0 && (second < 0 || bytes.readUInt32LE(markers + 4) === second);
}

/** Bytes of the compressed name at `at`: one length byte, or two where the first has its top bit set (since 6.1). */
function nameLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  return (first & 0x80) === 0 ? first : (first & 0x7f) | ((bytes[at + 1] ?? 0) << 7);
}

function nameStart(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) & 0x80) === 0 ? at + 1 : at + 2;
}

/** Expands every name into one buffer and compares hashes first, so that only wanted names become strings. */
async function lookUp(bytes: Buffer, tables: KallsymsTables, wanted: readonly string[]): Promise<Symbols> {
  const names = new Set(wanted);
  const hashes = new Set(wanted.map((name) => hashOf(Buffer.from(name, "latin1"), 0, name.length)));
  const found = new Map<string, GuestVa>();
  const name = Buffer.alloc(1024);
  let at = tables.names;
  for (let i = 0; i < tables.symbolCount; i++) {
    const length = nameLength(bytes, at);
    const start = nameStart(bytes, at);
    at = start + length;
    const size = expand(bytes, start, at, tables.tokens, name);
    if (i % namesAtOnce === namesAtOnce - 1) await othersFirst();
    // The first character is the symbol's type.
    if (!hashes.has(hashOf(name, 1, size))) continue;
    const text = name.toString("latin1", 1, size);
    if (!names.has(text) || found.has(text)) continue;
    found.set(text, symbolAddress(bytes, tables, i));
    found.set(endOf(text), nextAddress(bytes, tables, i));
  }
  return found;
}

/** Writes the tokens of bytes `from` to `to` and returns how long they are together. */
function expand(bytes: Buffer, from: number, to: number, tokens: readonly Token[], into: Buffer): number {
  let size = 0;
  for (let i = from; i < to; i++) {
    const token = tokens[bytes[i] ?? 0];
    if (token === undefined || size + token.length > into.length) return size;
    for (const byte of token) into[size++] = byte;
  }
  return size;
}

/** FNV-1a of bytes `from` to `to`. */
function hashOf(bytes: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return hash >>> 0;
}

/** With KALLSYMS_ABSOLUTE_PERCPU a non-negative offset is absolute, a negative one counts from relative_base (kernel/kallsyms.c). */
function symbolAddress(bytes: Buffer, tables: KallsymsTables, index: number): GuestVa {
  const offset = bytes.readInt32LE(tables.offsets + 4 * index);
  return vaFromBigInt(offset >= 0 ? BigInt(offset) : tables.relativeBase - 1n - BigInt(offset));
}

/** Address of the next symbol that is no alias of this one; its own where there is none. */
function nextAddress(bytes: Buffer, tables: KallsymsTables, index: number): GuestVa {
  const own = symbolAddress(bytes, tables, index);
  const last = Math.min(index + mostAliases, tables.symbolCount - 1);
  for (let i = index + 1; i <= last; i++) {
    const next = symbolAddress(bytes, tables, i);
    if (next > own) return next;
  }
  return own;
}

function align8(position: number): number {
  return (position + 7) & ~7;
}
