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

/** Expands every name into one buffer and compares hashes first, so that only wanted names become strings. */
async function lookUp(
  bytes: Buffer,
  tables: KallsymsTables,
  wanted: readonly string[],
): Promise<FoundSymbols> {
  const names = new Set(wanted);
  const hashes = new Set(wanted.map((name) => hashOf(Buffer.from(name, "latin1"), 0, name.length)));
  const symbols = new Map<string, GuestVa>();
  const spacing = new Map<string, number>();
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
    if (!names.has(text) || symbols.has(text)) continue;
    symbols.set(text, symbolAddress(bytes, tables, i));
    spacing.set(text, bytesToNext(bytes, tables, i));
  }
  return { symbols, spacing };
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
