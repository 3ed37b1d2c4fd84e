import { othersFirst, vaFromBigInt, VmmschedError, type GuestVa } from "vmmsched/plugin-api";
import { findTables, nameLength, nameStart, type KallsymsTables, type Token } from "./kallsyms-tables.js";

/** Address of each wanted symbol that the kernel has: per-CPU variables as offsets into a CPU's area. */
export type Symbols = ReadonlyMap<string, GuestVa>;

export interface FoundSymbols {
  readonly symbols: Symbols;
  /** Bytes from each symbol to the next one: no variable is larger. */
  readonly spacing: ReadonlyMap<string, number>;
}

/** Names looked at between two turns of the event loop: other domains are served meanwhile. */
const namesAtOnce = 8192;
/** Symbols at one address: aliases. */
const mostAliases = 64;

/** Looks the wanted names up in the kallsyms tables in `bytes`. Throws ERR_GUEST_UNSUPPORTED when there are none. */
export async function findSymbols(bytes: Buffer, wanted: readonly string[]): Promise<FoundSymbols> {
  const tables = findTables(bytes);
  await othersFirst();
  if (tables !== undefined) return lookUp(bytes, tables, wanted);
  throw new VmmschedError(
    "ERR_GUEST_UNSUPPORTED",
    "no kallsyms tables in the kernel image (CONFIG_KALLSYMS off, or an unknown order of tables)",
  );
}

/** Compares hashes first, made of those of a name's tokens, so that only wanted names become strings. */
async function lookUp(
  bytes: Buffer,
  tables: KallsymsTables,
  wanted: readonly string[],
): Promise<FoundSymbols> {
  const names = new Set(wanted);
  const hashes = new Set(wanted.map((name) => hashOf([...Buffer.from(name, "latin1")])));
  const tokens = hashTokens(tables.tokens);
  const symbols = new Map<string, GuestVa>();
  const spacing = new Map<string, number>();
  let at = tables.names;
  for (let i = 0; i < tables.symbolCount; i++) {
    const length = nameLength(bytes, at);
    const start = nameStart(bytes, at);
    at = start + length;
    if (i % namesAtOnce === namesAtOnce - 1) await othersFirst();
    if (!hashes.has(hashOfName(bytes, start, at, tokens))) continue;
    const text = nameOf(bytes.subarray(start, at), tables.tokens);
    if (!names.has(text) || symbols.has(text)) continue;
    symbols.set(text, symbolAddress(bytes, tables, i));
    spacing.set(text, bytesToNext(bytes, tables, i));
  }
  return { symbols, spacing };
}

/** A name's tokens together, without the first character: that is the symbol's type. */
function nameOf(compressed: Buffer, tokens: readonly Token[]): string {
  return Buffer.from([...compressed].flatMap((token) => tokens[token] ?? [])).toString("latin1", 1);
}

/** The hash is a polynomial, so that of two texts one after the other follows from theirs. */
const base = 0x01000193;

function hashOf(text: Token): number {
  return text.reduce((hash, byte) => (Math.imul(hash, base) + byte) | 0, 0);
}

/** By token: its hash, that without its first character, and by what it moves what stands before it. */
interface HashedTokens {
  readonly hashes: Int32Array;
  readonly tails: Int32Array;
  readonly powers: Int32Array;
}

function hashTokens(tokens: readonly Token[]): HashedTokens {
  return {
    hashes: Int32Array.from(tokens, hashOf),
    tails: Int32Array.from(tokens, (token) => hashOf(token.slice(1))),
    powers: Int32Array.from(tokens, (token) => token.reduce((power) => Math.imul(power, base), 1)),
  };
}

/** Hash of the name whose tokens are bytes `from` to `to`, without its first character. */
function hashOfName(
  bytes: Buffer,
  from: number,
  to: number,
  { hashes, tails, powers }: HashedTokens,
): number {
  let hash = tails[bytes[from] ?? 0] ?? 0;
  for (let i = from + 1; i < to; i++) {
    const token = bytes[i] ?? 0;
    hash = (Math.imul(hash, powers[token] ?? 0) + (hashes[token] ?? 0)) | 0;
  }
  return hash;
}

/** kallsyms_sym_address(), kernel/kallsyms.c. */
function symbolAddress(
  bytes: Buffer,
  { offsets, relativeBase, absolutePerCpu }: KallsymsTables,
  index: number,
): GuestVa {
  const offset = bytes.readInt32LE(offsets + 4 * index);
  if (!absolutePerCpu) return vaFromBigInt(relativeBase + BigInt(offset >>> 0));
  return vaFromBigInt(offset >= 0 ? BigInt(offset) : relativeBase - 1n - BigInt(offset));
}

function bytesToNext(bytes: Buffer, tables: KallsymsTables, index: number): number {
  const own = symbolAddress(bytes, tables, index);
  const last = Math.min(index + mostAliases, tables.symbolCount - 1);
  for (let i = index + 1; i <= last; i++) {
    const next = symbolAddress(bytes, tables, i);
    if (next !== own) return next > own ? next - own : Number.POSITIVE_INFINITY;
  }
  return Number.POSITIVE_INFINITY;
}
