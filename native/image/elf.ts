import { invalidImage, type ImageFile } from "./image-file.js";

/** Little-endian ELF64 (System V ABI, AMD64 supplement): sizes of its records and the few numbers that are looked at. */
const fileHeaderBytes = 64;
const programHeaderBytes = 56;
const sectionHeaderBytes = 64;
const class64 = 2;
const littleEndian = 1;
/** e_type of what is read here: ET_CORE, ET_EXEC. */
const fileTypes = { "a core file": 4, "a program": 2 } as const;
const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_NOTE = 4;
/** e_phnum of a file with more program headers than 16 bits can count: the first section's sh_info has the number. */
const PN_XNUM = 0xffff;
/** More records than any image has, and longer notes. */
const mostRecords = 1 << 20;
const mostNoteBytes = 64 << 20;

export interface ProgramHeader {
  readonly type: "load" | "note" | "other";
  readonly position: number;
  readonly physicalAddress: number;
  readonly fileBytes: number;
}

export interface Section {
  readonly name: string;
  /** Where it lies in memory, as a signed address. */
  readonly address: number;
  readonly position: number;
  readonly bytes: number;
  readonly entryBytes: number;
}

export interface Note {
  readonly name: string;
  readonly type: number;
  readonly content: Buffer;
}

/** What an ELF file says is in it. */
export interface ElfFile {
  readonly programHeaders: readonly ProgramHeader[];
  readonly sections: readonly Section[];
}

export function isElf(file: ImageFile): boolean {
  const magic = Buffer.alloc(4);
  return file.fill(0, magic) && magic.equals(Buffer.from("\x7fELF", "latin1"));
}

/** Reads the headers of a file of this type. Throws ERR_IMAGE_INVALID where they are of another one, not of x86-64, or lie. */
export function readElf(file: ImageFile, wanted: keyof typeof fileTypes): ElfFile {
  const header = file.slice(0, fileHeaderBytes, "the ELF header");
  const machine = header.readUInt16LE(18);
  const type = header.readUInt16LE(16);
  if (header[4] !== class64 || header[5] !== littleEndian || machine !== EM_X86_64)
    throw invalidImage(
      file.path,
      `an ELF file of class ${String(header[4])} for machine ${machine}, not of x86-64`,
    );
  if (type !== fileTypes[wanted])
    throw invalidImage(file.path, `an ELF file of type ${type}, not ${wanted} (${fileTypes[wanted]})`);
  const sections = readSections(file, header);
  const counted = header.readUInt16LE(56);
  const count = counted === PN_XNUM ? (sections[0]?.info ?? counted) : counted;
  const table = records(
    file,
    offset64(header, 32),
    count,
    programHeaderBytes,
    "the table of program headers",
  );
  return {
    sections,
    programHeaders: table.map((entry) => ({
      type: programType(entry.readUInt32LE(0)),
      position: offset64(entry, 8),
      physicalAddress: offset64(entry, 24),
      fileBytes: offset64(entry, 32),
    })),
  };
}

/** The notes in `bytes` bytes at `position`; a note that is longer than they are ends the list. */
export function readNotes(file: ImageFile, position: number, bytes: number): readonly Note[] {
  if (bytes > mostNoteBytes) throw invalidImage(file.path, `notes of ${bytes} bytes`);
  const content = file.slice(position, bytes, "the notes");
  const notes: Note[] = [];
  for (let at = 0; at + 12 <= content.length;) {
    const nameBytes = content.readUInt32LE(at);
    const descriptionBytes = content.readUInt32LE(at + 4);
    const from = at + 12 + align4(nameBytes);
    if (from + descriptionBytes > content.length) break;
    notes.push({
      name: content.toString("latin1", at + 12, at + 12 + Math.max(0, nameBytes - 1)),
      type: content.readUInt32LE(at + 8),
      content: content.subarray(from, from + descriptionBytes),
    });
    at = from + align4(descriptionBytes);
  }
  return notes;
}

function readSections(file: ImageFile, header: Buffer): readonly (Section & { info: number })[] {
  const from = offset64(header, 40);
  if (from === 0) return [];
  const table = records(file, from, header.readUInt16LE(60), sectionHeaderBytes, "the table of sections");
  const names = table[header.readUInt16LE(62)];
  const texts =
    names === undefined
      ? Buffer.alloc(0)
      : file.slice(offset64(names, 24), Math.min(offset64(names, 32), mostRecords), "the names of sections");
  return table.map((entry) => {
    const start = entry.readUInt32LE(0);
    const end = texts.indexOf(0, start);
    return {
      name: texts.toString("latin1", start, end < 0 ? start : end),
      address: Number(entry.readBigInt64LE(16)),
      position: offset64(entry, 24),
      bytes: offset64(entry, 32),
      info: entry.readUInt32LE(44),
      entryBytes: offset64(entry, 56),
    };
  });
}

function records(
  file: ImageFile,
  from: number,
  count: number,
  bytes: number,
  what: string,
): readonly Buffer[] {
  if (count > mostRecords) throw invalidImage(file.path, `${what} has ${count} entries`);
  const table = file.slice(from, count * bytes, what);
  return Array.from({ length: count }, (_, i) => table.subarray(i * bytes, (i + 1) * bytes));
}

/** A 64-bit offset or size; beyond 2^53 it is no longer exact, and beyond every file. */
export function offset64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
}

function programType(type: number): ProgramHeader["type"] {
  if (type === PT_LOAD) return "load";
  return type === PT_NOTE ? "note" : "other";
}

function align4(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
