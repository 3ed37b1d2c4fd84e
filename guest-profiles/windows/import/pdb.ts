import { wantedSymbols } from "../wanted.js";
import { Msf } from "./msf.js";
import { readPdbSymbols } from "./pdb-symbols.js";
import { PdbTypes } from "./pdb-types.js";
import { invalidPdb, leftBuffer } from "./symbols-invalid.js";
import type { TypeSource } from "./type-source.js";

/** Information stream (LLVM, docs/PDB/PdbStream.rst): version, signature, age, GUID. */
const info = { guid: 12, bytes: 28 } as const;

/** What a PDB says of the kernel that it was written for; `name` is the file name to give it. Throws ERR_SYMBOLS_INVALID. */
export function readPdb(file: Buffer, name: string): TypeSource {
  try {
    const msf = new Msf(file);
    const about = msf.stream(1, "information");
    if (about.length < info.bytes) throw invalidPdb("its stream of information is cut off");
    const { age, addresses } = readPdbSymbols(msf, new Set(wantedSymbols));
    const types = new PdbTypes(msf.stream(2, "types"));
    return {
      pdb: { name, guid: formatGuid(about.subarray(info.guid, info.bytes)), age },
      size: (structure) => inBounds(() => types.size(structure)),
      member: (structure, path) => inBounds(() => types.member(structure, path)),
      symbol: (symbol) => addresses.get(symbol),
    };
  } catch (error) {
    throw leftBuffer(error) ? invalidPdb("a record leaves its bounds") : error;
  }
}

function inBounds<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw leftBuffer(error) ? invalidPdb("a type leaves its bounds") : error;
  }
}

/** The 16 bytes of a GUID as symbol servers write it: its first three fields are little-endian numbers. */
export function formatGuid(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return order
    .map((at) => (bytes[at] ?? 0).toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();
}
