import { readElf, type Section } from "./elf.js";
import { ImageFile, invalidImage } from "./image-file.js";

const symbolBytes = 24;
/** More than any kernel's tables take. */
const mostSectionBytes = 512 << 20;

/** What of a kernel's ELF file its layout is made of. Addresses are signed; those of per-CPU variables count from 0. */
export interface Vmlinux {
  /** Of .symtab; undefined where it was stripped. */
  readonly symbols: ReadonlyMap<string, number> | undefined;
  /** .rodata, where kallsyms is. */
  readonly readOnlyData: Buffer;
  /** .BTF */
  readonly btf: Buffer;
  /** .notes, where the build id is. */
  readonly notes: Buffer;
  readonly notesAddress: number;
}

/** Reads a kernel's uncompressed ELF file. Throws ERR_IMAGE_UNREADABLE, or ERR_IMAGE_INVALID where something is missing. */
export function readVmlinux(path: string): Vmlinux {
  using file = new ImageFile(path);
  const { sections } = readElf(file, "a program");
  const find = (name: string) => sections.find((section) => section.name === name);
  const required = (name: string): Section => {
    const found = find(name);
    if (found === undefined) throw invalidImage(path, `a kernel without a section ${name}`);
    return found;
  };
  const contents = ({ name, position, bytes }: Section) => {
    if (bytes > mostSectionBytes) throw invalidImage(path, `section ${name} has ${bytes} bytes`);
    return file.slice(position, bytes, `section ${name}`);
  };
  const [table, names] = [find(".symtab"), find(".strtab")];
  const notes = required(".notes");
  return {
    symbols: table && names && readSymbols(contents(table), contents(names)),
    readOnlyData: contents(required(".rodata")),
    btf: contents(required(".BTF")),
    notes: contents(notes),
    notesAddress: notes.address,
  };
}

/** Elf64_Sym: name at 0, value at 8. Of several symbols of one name the first counts. */
function readSymbols(table: Buffer, names: Buffer): ReadonlyMap<string, number> {
  const symbols = new Map<string, number>();
  for (let at = 0; at + symbolBytes <= table.length; at += symbolBytes) {
    const start = table.readUInt32LE(at);
    const end = names.indexOf(0, start);
    const name = names.toString("latin1", start, end < 0 ? start : end);
    if (name !== "" && !symbols.has(name)) symbols.set(name, Number(table.readBigInt64LE(at + 8)));
  }
  return symbols;
}
