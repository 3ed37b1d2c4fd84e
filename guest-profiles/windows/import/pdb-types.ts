import { leaf, LeafReader } from "./codeview-leaf.js";
import { invalidPdb } from "./symbols-invalid.js";
import type { FoundMember } from "./type-source.js";

/** Header of the type stream (LLVM, docs/PDB/TpiStream.rst). */
const header = { bytes: 4, firstIndex: 8, endIndex: 12, recordBytes: 16, least: 56 } as const;
/** In a structure's properties: it is only declared, and defined by another record of the same name. */
const isForward = 0x80;
/** More type records than any kernel has (some ten thousand). */
const mostTypes = 1 << 22;
/** Parts of one field list: 64 KiB each. */
const mostParts = 64;

interface Definition {
  readonly size: number;
  readonly fields: number;
}

interface Member {
  readonly offset: number;
  readonly type: number;
}

/** The types of a PDB: structures and unions by name, their members by path. */
export class PdbTypes {
  /** Offset of each record, by its index less the first one. */
  readonly #records: number[] = [];
  readonly #first: number;
  readonly #defined = new Map<string, Definition>();
  readonly #members = new Map<number, ReadonlyMap<string, Member>>();

  /** Throws ERR_SYMBOLS_INVALID, or RangeError where a record leaves its bounds. */
  constructor(private readonly stream: Buffer) {
    if (stream.length < header.least) throw invalidPdb("its stream of types has no header");
    this.#first = stream.readUInt32LE(header.firstIndex);
    const from = stream.readUInt32LE(header.bytes);
    const to = from + stream.readUInt32LE(header.recordBytes);
    const count = stream.readUInt32LE(header.endIndex) - this.#first;
    if (from < header.least || to > stream.length || count < 0 || count > mostTypes)
      throw invalidPdb(`its stream of types says that ${count} types lie in bytes ${from} to ${to}`);
    for (let at = from; at + 4 <= to && this.#records.length < count; at += 2 + stream.readUInt16LE(at)) {
      if (stream.readUInt16LE(at) < 2) throw invalidPdb(`a type at byte ${at} has no length`);
      this.#records.push(at);
      this.#define(this.#first + this.#records.length - 1);
    }
  }

  size(structure: string): number | undefined {
    return this.#defined.get(structure)?.size;
  }

  /** A member by its path, through structures by value. */
  member(structure: string, path: string): FoundMember | undefined {
    let definition = this.#defined.get(structure);
    let offset = 0;
    let found: FoundMember | undefined;
    for (const part of path.split(".")) {
      const member = definition && this.#fields(definition.fields).get(part);
      if (member === undefined) return undefined;
      offset += member.offset;
      const bits = this.#bits(member.type);
      found = bits === undefined ? { offset } : { offset, bits };
      definition = this.#structure(member.type);
    }
    return found;
  }

  #define(index: number): void {
    const record = this.#structureRecord(index);
    if (record !== undefined && !record.forward && !this.#defined.has(record.name))
      this.#defined.set(record.name, record);
  }

  #structureRecord(index: number): (Definition & { name: string; forward: boolean }) | undefined {
    const kind = this.#kind(index);
    if (kind !== leaf.structure && kind !== leaf.class && kind !== leaf.union) return undefined;
    const reader = this.#reader(index);
    reader.u16();
    const properties = reader.u16();
    const fields = reader.u32();
    if (kind !== leaf.union) {
      reader.u32();
      reader.u32();
    }
    const size = reader.number();
    return { size, fields, name: reader.name(), forward: (properties & isForward) !== 0 };
  }

  /** The structure or union that a type is, through qualifiers and declarations. */
  #structure(type: number): Definition | undefined {
    const index = this.#kind(type) === leaf.modifier ? this.#reader(type).u32() : type;
    const record = this.#structureRecord(index);
    return record?.forward === true ? this.#defined.get(record.name) : record;
  }

  #bits(type: number): FoundMember["bits"] {
    if (this.#kind(type) !== leaf.bitField) return undefined;
    const reader = this.#reader(type);
    reader.u32();
    const length = reader.u8();
    const bit = reader.u8();
    return { bit, length };
  }

  #fields(index: number): ReadonlyMap<string, Member> {
    const known = this.#members.get(index);
    if (known !== undefined) return known;
    const members = new Map<string, Member>();
    let part: number | undefined = index;
    for (let i = 0; part !== undefined && i < mostParts; i++)
      part = this.#kind(part) === leaf.fieldList ? addMembers(this.#reader(part), members) : undefined;
    this.#members.set(index, members);
    return members;
  }

  #kind(index: number): number | undefined {
    const at = this.#records[index - this.#first];
    return at === undefined ? undefined : this.stream.readUInt16LE(at + 2);
  }

  #reader(index: number): LeafReader {
    const at = this.#records[index - this.#first] ?? this.stream.length;
    const end = at + 2 + this.stream.readUInt16LE(at);
    if (end > this.stream.length) throw invalidPdb("its last type is cut off");
    return new LeafReader(this.stream.subarray(at + 4, end));
  }
}

/** Adds what one field list has; returns the index of the list that continues it. */
function addMembers(reader: LeafReader, members: Map<string, Member>): number | undefined {
  for (;;) {
    reader.skipPadding();
    if (reader.atEnd) return undefined;
    const kind = reader.u16();
    const attributes = reader.u16();
    switch (kind) {
      case leaf.member: {
        const type = reader.u32();
        const offset = reader.number();
        members.set(reader.name(), { type, offset });
        break;
      }
      case leaf.continuation:
        return reader.u32();
      case leaf.enumerator:
        reader.number();
        reader.name();
        break;
      case leaf.baseClass:
        reader.u32();
        reader.number();
        break;
      case leaf.virtualTable:
        reader.u32();
        break;
      case leaf.method:
        reader.u32();
        if (introducesVirtual(attributes)) reader.u32();
        reader.name();
        break;
      case leaf.nestedType:
      case leaf.staticMember:
      case leaf.methods:
        reader.u32();
        reader.name();
        break;
      default:
        // What follows an entry of unknown length cannot be told apart; C has none.
        return undefined;
    }
  }
}

/** Such a method has its place in the virtual table behind its type: kinds 4 and 6 in bits 2..4 of its attributes. */
function introducesVirtual(attributes: number): boolean {
  const kind = (attributes >> 2) & 7;
  return kind === 4 || kind === 6;
}
