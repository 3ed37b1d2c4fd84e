import { invalidPdb } from "./symbols-invalid.js";

/** Kinds of CodeView type records and of entries in field lists that are read or passed over (LLVM, docs/PDB/CodeViewTypes.rst). */
export const leaf = {
  modifier: 0x1001,
  fieldList: 0x1203,
  bitField: 0x1205,
  baseClass: 0x1400,
  continuation: 0x1404,
  virtualTable: 0x1409,
  enumerator: 0x1502,
  class: 0x1504,
  structure: 0x1505,
  union: 0x1506,
  member: 0x150d,
  staticMember: 0x150e,
  methods: 0x150f,
  nestedType: 0x1510,
  method: 0x1511,
} as const;

/** A number as CodeView writes it: 16 bits, or a kind and the value. */
const numberBase = 0x8000;
const numberKinds: Readonly<
  Record<number, { readonly bytes: number; readonly read: (from: Buffer, at: number) => number }>
> = {
  0x8000: { bytes: 1, read: (from, at) => from.readInt8(at) },
  0x8001: { bytes: 2, read: (from, at) => from.readInt16LE(at) },
  0x8002: { bytes: 2, read: (from, at) => from.readUInt16LE(at) },
  0x8003: { bytes: 4, read: (from, at) => from.readInt32LE(at) },
  0x8004: { bytes: 4, read: (from, at) => from.readUInt32LE(at) },
  0x8009: { bytes: 8, read: (from, at) => Number(from.readBigInt64LE(at)) },
  0x800a: { bytes: 8, read: (from, at) => Number(from.readBigUInt64LE(at)) },
};

/** Reads a record's fields one after the other; leaving the record throws RangeError. */
export class LeafReader {
  constructor(
    private readonly bytes: Buffer,
    private at = 0,
  ) {}

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  u8(): number {
    return this.bytes.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.bytes.readUInt16LE(this.#advance(2));
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.#advance(4));
  }

  number(): number {
    const first = this.u16();
    if (first < numberBase) return first;
    const kind = numberKinds[first];
    if (kind === undefined) throw invalidPdb(`a number of kind 0x${first.toString(16)} is not known`);
    return kind.read(this.bytes, this.#advance(kind.bytes));
  }

  name(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw new RangeError("a name does not end");
    const name = this.bytes.toString("latin1", this.at, end);
    this.at = end + 1;
    return name;
  }

  /** Bytes from 0xf1 to 0xff between entries say how far it is to the next one. */
  skipPadding(): void {
    const pad = this.bytes[this.at] ?? 0;
    if (pad > 0xf0) this.at += pad & 0xf;
  }

  #advance(bytes: number): number {
    const from = this.at;
    this.at += bytes;
    return from;
  }
}
