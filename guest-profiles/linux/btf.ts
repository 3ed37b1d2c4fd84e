import { VmmschedError } from "vmmsched/plugin-api";

/** Kinds of BTF types (include/uapi/linux/btf.h), and the bytes that follow the 12-byte header of each. */
const kind = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  variable: 14,
  section: 15,
  typeTag: 18,
};
/** By kind: how many there are for one, and for each of its `vlen`. */
const fixedBytes = [0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0] as const;
const bytesOfEach = [0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12] as const;
const indexedKinds: ReadonlySet<number> = new Set([kind.struct, kind.union, kind.enum, kind.section]);
const magic = 0xeb9f;
const headerBytes = 24;

/** A member found by {@link Btf.member}: its place in bits from the start of the outermost structure. */
export interface Member {
  readonly bitOffset: number;
  readonly typeId: number;
}

/**
 * The BTF of a kernel (CONFIG_DEBUG_INFO_BTF): types by id, structures by name. Only structures, enumerations and
 * sections are indexed by name. Throws ERR_GUEST_CORRUPT when the blob is not BTF.
 */
export class Btf {
  readonly #types: Uint32Array;
  readonly #named = new Map<string, number>();

  constructor(private readonly bytes: Buffer) {
    if (bytes.length < headerBytes || bytes.readUInt16LE(0) !== magic) {
      throw new VmmschedError("ERR_GUEST_CORRUPT", "the kernel's BTF does not begin with BTF's magic number");
    }
    const header = bytes.readUInt32LE(4);
    const from = header + bytes.readUInt32LE(8);
    const to = from + bytes.readUInt32LE(12);
    this.#strings = header + bytes.readUInt32LE(16);
    if (to > bytes.length || this.#strings > bytes.length) {
      throw new VmmschedError(
        "ERR_GUEST_CORRUPT",
        `BTF sections end at ${String(to)}, after the blob's ${String(bytes.length)} bytes`,
      );
    }
    this.#types = this.#index(from, to);
  }

  readonly #strings: number;

  /** Place of `path` ("thread_info.flags") in a structure; anonymous structures and unions are looked into. */
  member(struct: string, path: string): Member | undefined {
    let typeId = this.#named.get(struct);
    let bitOffset = 0;
    for (const name of path.split(".")) {
      if (typeId === undefined) return undefined;
      const found: Member | undefined = this.#memberOf(this.#resolve(typeId), name);
      if (found === undefined) return undefined;
      bitOffset += found.bitOffset;
      typeId = found.typeId;
    }
    return typeId === undefined ? undefined : { bitOffset, typeId };
  }

  /** Size of a structure in bytes. */
  size(struct: string): number | undefined {
    const id = this.#named.get(struct);
    return id === undefined ? undefined : this.bytes.readUInt32LE(this.#at(id) + 8);
  }

  /** Value of an enumerator of a named enumeration. */
  enumerator(enumeration: string, name: string): number | undefined {
    const id = this.#named.get(enumeration);
    if (id === undefined || this.#kind(id) !== kind.enum) return undefined;
    const at = this.#at(id);
    for (let i = 0; i < this.#length(id); i++) {
      const entry = at + 12 + 8 * i;
      if (this.#string(this.bytes.readUInt32LE(entry)) === name) return this.bytes.readInt32LE(entry + 4);
    }
    return undefined;
  }

  /** Size in bytes of a variable in a section (`.data..percpu`); kernels before 5.11 describe none. */
  variableSize(section: string, name: string): number | undefined {
    const id = this.#named.get(section);
    if (id === undefined || this.#kind(id) !== kind.section) return undefined;
    const at = this.#at(id);
    for (let i = 0; i < this.#length(id); i++) {
      const entry = at + 12 + 12 * i;
      const variable = this.bytes.readUInt32LE(entry);
      if (this.#kind(variable) !== kind.variable) continue;
      if (this.#string(this.bytes.readUInt32LE(this.#at(variable))) === name)
        return this.bytes.readUInt32LE(entry + 8);
    }
    return undefined;
  }

  /** Byte position of every type, and ids of named structures, unions and enumerations; the first definition counts. */
  #index(from: number, to: number): Uint32Array {
    // A type takes 12 bytes at least; type 0 is void.
    const at = new Uint32Array(Math.ceil((to - from) / 12) + 1);
    let id = 1;
    for (let position = from; position + 12 <= to;) {
      const info = this.bytes.readUInt32LE(position + 4);
      const type = (info >>> 24) & 0x1f;
      const fixed = fixedBytes[type];
      const each = bytesOfEach[type];
      if (fixed === undefined || each === undefined)
        throw new VmmschedError(
          "ERR_GUEST_CORRUPT",
          `BTF type ${String(id)} is of unknown kind ${String(type)}`,
        );
      if (indexedKinds.has(type) && (info & 0xffff) > 0) {
        const name = this.#string(this.bytes.readUInt32LE(position));
        if (name !== "" && !this.#named.has(name)) this.#named.set(name, id);
      }
      at[id++] = position;
      position += 12 + fixed + each * (info & 0xffff);
    }
    return at.subarray(0, id);
  }

  #memberOf(struct: number, name: string): Member | undefined {
    const type = this.#kind(struct);
    if (type !== kind.struct && type !== kind.union) return undefined;
    const at = this.#at(struct);
    const bitFields = this.bytes.readUInt32LE(at + 4) >>> 31 === 1;
    for (let i = 0; i < this.#length(struct); i++) {
      const entry = at + 12 + 12 * i;
      const offset = this.bytes.readUInt32LE(entry + 8);
      const bitOffset = bitFields ? offset & 0xffffff : offset;
      const typeId = this.bytes.readUInt32LE(entry + 4);
      const nameOffset = this.bytes.readUInt32LE(entry);
      if (nameOffset !== 0) {
        if (this.#string(nameOffset) === name) return { bitOffset, typeId };
        continue;
      }
      const inner = this.#memberOf(this.#resolve(typeId), name);
      if (inner !== undefined) return { bitOffset: bitOffset + inner.bitOffset, typeId: inner.typeId };
    }
    return undefined;
  }

  /** Strips typedefs and qualifiers. */
  #resolve(id: number): number {
    const transparent = [kind.typedef, kind.volatile, kind.const, kind.restrict, kind.typeTag];
    for (let steps = 0; steps < 64; steps++) {
      if (!transparent.includes(this.#kind(id))) return id;
      id = this.bytes.readUInt32LE(this.#at(id) + 8);
    }
    return id;
  }

  #at(id: number): number {
    const at = this.#types[id];
    if (at === undefined) throw new VmmschedError("ERR_GUEST_CORRUPT", `BTF has no type ${String(id)}`);
    return at;
  }

  #kind(id: number): number {
    return id === 0 ? 0 : (this.bytes.readUInt32LE(this.#at(id) + 4) >>> 24) & 0x1f;
  }

  #length(id: number): number {
    return this.bytes.readUInt32LE(this.#at(id) + 4) & 0xffff;
  }

  #string(offset: number): string {
    const start = this.#strings + offset;
    return this.bytes.toString("latin1", start, this.bytes.indexOf(0, start));
  }
}
