import type { Msf } from "./msf.js";
import { invalidPdb } from "./symbols-invalid.js";

/** Header of the debug information stream, and the lengths of what follows it (LLVM, docs/PDB/DbiStream.rst). */
const dbi = {
  age: 8,
  symbolRecords: 20,
  substreamBytes: [24, 28, 32, 36, 40, 52],
  debugBytes: 48,
  machine: 58,
};
const dbiBytes = 64;
const IMAGE_FILE_MACHINE_AMD64 = 0x8664;
/** Places in the optional debug header: streams by number. */
const debugStreams = { omapFromSource: 4, sections: 5, originalSections: 10 } as const;
const noStream = 0xffff;
const S_PUB32 = 0x110e;
/** IMAGE_SECTION_HEADER, and where in it the section's address is (PE format). */
const sectionBytes = 40;
const sectionAddress = 12;

/** What the debug information stream of a PDB leads to. */
export interface PdbSymbols {
  /** The age in the image's RSDS record; the PDB's own counts how often the PDB was written. */
  readonly age: number;
  /** Public symbols by name, in bytes from the beginning of the image. */
  readonly addresses: ReadonlyMap<string, number>;
}

/** Reads the stream number 3 and what it names. Throws ERR_SYMBOLS_INVALID, or RangeError where a record leaves its bounds. */
export function readPdbSymbols(msf: Msf, wanted: ReadonlySet<string>): PdbSymbols {
  const stream = msf.stream(3, "debug information");
  if (stream.length < dbiBytes) throw invalidPdb("its stream of debug information has no header");
  const machine = stream.readUInt16LE(dbi.machine);
  if (machine !== IMAGE_FILE_MACHINE_AMD64)
    throw invalidPdb(`it is for machine 0x${machine.toString(16)}, not x64 (0x8664)`);
  const optional = (place: number) => {
    const index = debugStream(stream, place);
    return index === undefined ? undefined : msf.stream(index, "debug data");
  };
  const sections = optional(debugStreams.sections);
  if (sections === undefined) throw invalidPdb("it has no section headers");
  // An image whose blocks were moved after linking: symbols name places in what the linker wrote.
  const moved = optional(debugStreams.omapFromSource);
  const original = moved && optional(debugStreams.originalSections);
  const records = msf.stream(stream.readUInt16LE(dbi.symbolRecords), "symbols");
  const addresses = new Map<string, number>();
  for (const { name, segment, offset } of publicSymbols(records)) {
    const section = (segment - 1) * sectionBytes;
    const headers = original ?? sections;
    if (!wanted.has(name) || addresses.has(name) || segment === 0 || section + sectionBytes > headers.length)
      continue;
    const address = headers.readUInt32LE(section + sectionAddress) + offset;
    const final = moved === undefined ? address : movedTo(moved, address);
    if (final !== undefined) addresses.set(name, final);
  }
  return { age: stream.readUInt32LE(dbi.age), addresses };
}

function debugStream(stream: Buffer, place: number): number | undefined {
  const skipped = dbi.substreamBytes.reduce((sum, at) => sum + stream.readUInt32LE(at), 0);
  const at = dbiBytes + skipped + 2 * place;
  if (2 * place + 2 > stream.readUInt32LE(dbi.debugBytes) || at + 2 > stream.length) return undefined;
  const index = stream.readUInt16LE(at);
  return index === noStream ? undefined : index;
}

/** Every S_PUB32: flags, offset, segment, name. */
function* publicSymbols(
  records: Buffer,
): Generator<{ readonly name: string; readonly segment: number; readonly offset: number }> {
  for (let at = 0; at + 4 <= records.length;) {
    const next = at + 2 + records.readUInt16LE(at);
    if (next < at + 4 || next > records.length) throw invalidPdb(`a symbol at byte ${at} has no length`);
    if (records.readUInt16LE(at + 2) === S_PUB32 && at + 14 < next) {
      const end = records.indexOf(0, at + 14);
      yield {
        offset: records.readUInt32LE(at + 8),
        segment: records.readUInt16LE(at + 12),
        name: records.toString("latin1", at + 14, end < 0 || end > next ? next : end),
      };
    }
    at = next;
  }
}

/** Where `address` went, by pairs of source and target in the order of their sources; a target of 0: it was left out. */
function movedTo(table: Buffer, address: number): number | undefined {
  let low = 0;
  let high = Math.floor(table.length / 8);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.readUInt32LE(8 * middle) <= address) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return undefined;
  const [source, target] = [table.readUInt32LE(8 * low - 8), table.readUInt32LE(8 * low - 4)];
  return target === 0 ? undefined : target + (address - source);
}
