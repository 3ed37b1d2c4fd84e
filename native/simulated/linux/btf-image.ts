import { debian61, type KernelLayout, type LayoutMember } from "../layouts/debian-6.1.js";

/** BTF kinds (include/uapi/linux/btf.h). */
const kind = {
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VAR: 14,
  DATASEC: 15,
} as const;
const headerBytes = 24;
const signedEncoding = 1;
const globalLinkage = 1;

const images = new Map<KernelLayout, Buffer>();

/** The BTF blob of a kernel, encoded from its layout. */
export function btfImage(layout: KernelLayout = debian61): Buffer {
  const image = images.get(layout) ?? new BtfEncoder(layout).encode();
  images.set(layout, image);
  return image;
}

/** Numbers types as they are first named; type 0 is void. */
class BtfEncoder {
  readonly #ids = new Map<string, number>();
  readonly #types: (Buffer | undefined)[] = [];
  readonly #strings: Buffer[] = [Buffer.from([0])];
  readonly #stringOffsets = new Map<string, number>([["", 0]]);
  #stringBytes = 1;

  constructor(private readonly layout: KernelLayout) {}

  encode(): Buffer {
    for (const name of Object.keys(this.layout.types)) this.#id(name);
    for (const name of Object.keys(this.layout.enums)) this.#id(`enum ${name}`);
    this.#perCpuSection();
    const types = Buffer.concat(this.#types.map((type) => type ?? Buffer.alloc(0)));
    const header = Buffer.alloc(headerBytes);
    header.writeUInt16LE(0xeb9f, 0);
    header.writeUInt8(1, 2);
    header.writeUInt32LE(headerBytes, 4);
    header.writeUInt32LE(types.length, 12);
    header.writeUInt32LE(types.length, 16);
    header.writeUInt32LE(this.#stringBytes, 20);
    return Buffer.concat([header, types, ...this.#strings]);
  }

  /** Id of a type written in words, see the layout file. The id exists before what it refers to: types are cyclic. */
  #id(type: string): number {
    if (type === "void") return 0;
    const known = this.#ids.get(type);
    if (known !== undefined) return known;
    const id = this.#reserve();
    this.#ids.set(type, id);
    this.#types[id - 1] = this.#encodeType(type);
    return id;
  }

  #reserve(): number {
    this.#types.push(undefined);
    return this.#types.length;
  }

  #encodeType(type: string): Buffer {
    if (type.startsWith("* ")) return this.#type("", kind.PTR, 0, this.#id(type.slice(2)));
    const array = /^\[(\d+)\] (.+)$/.exec(type);
    if (array !== null) return this.#array(Number(array[1]), array[2] ?? "void");
    if (type.startsWith("typedef ")) {
      const name = type.slice(8);
      return this.#type(name, kind.TYPEDEF, 0, this.#id(this.layout.typedefs[name] ?? "void"));
    }
    if (type.startsWith("enum ")) return this.#enumeration(type.slice(5));
    const integer = this.layout.integers[type];
    if (integer !== undefined) {
      const [bytes, signed] = integer;
      return Buffer.concat([
        this.#type(type, kind.INT, 0, bytes),
        words(((signed ? signedEncoding : 0) << 24) | (bytes * 8)),
      ]);
    }
    return this.#composite(type);
  }

  #array(count: number, element: string): Buffer {
    return Buffer.concat([
      this.#type("", kind.ARRAY, 0, 0),
      words(this.#id(element), this.#id("unsigned int"), count),
    ]);
  }

  #enumeration(type: string): Buffer {
    const values = this.layout.enums[type] ?? [];
    const name = type.startsWith("@") ? "" : type;
    const entries = values.map(([entry, value]) => words(this.#string(entry), value));
    return Buffer.concat([this.#type(name, kind.ENUM, values.length, 4), ...entries]);
  }

  /** A structure or union with its members, or a forward declaration where the layout has only the name. */
  #composite(type: string): Buffer {
    const isUnion = type.startsWith("union ");
    const name = type.slice(type.indexOf(" ") + 1);
    const layout = this.layout.types[type];
    if (layout === undefined) return this.#type(name, kind.FWD, 0, 0, isUnion);
    const [size, members] = layout;
    const bitFields = members.some((member) => member[3] !== undefined);
    const entries = members.map((member) => this.#member(member, bitFields));
    const tag = isUnion ? kind.UNION : kind.STRUCT;
    return Buffer.concat([
      this.#type(name.startsWith("@") ? "" : name, tag, members.length, size, bitFields),
      ...entries,
    ]);
  }

  /** With kind_flag the offset word holds the bit-field's size in its top byte. */
  #member([name, bits, type, fieldBits]: LayoutMember, bitFields: boolean): Buffer {
    return words(this.#string(name), this.#id(type), bitFields ? ((fieldBits ?? 0) << 24) | bits : bits);
  }

  /** Per-CPU variables are the one data section in a kernel's BTF; offsets in it are those of kallsyms. */
  #perCpuSection(): void {
    const variables = Object.entries(this.layout.perCpu).toSorted((a, b) => a[1][0] - b[1][0]);
    const entries = variables.map(([name, [offset, type]]) => {
      const typeId = this.#id(type);
      const id = this.#reserve();
      this.#types[id - 1] = Buffer.concat([this.#type(name, kind.VAR, 0, typeId), words(globalLinkage)]);
      return words(id, offset, sizeOfType(this.layout, type));
    });
    const id = this.#reserve();
    this.#types[id - 1] = Buffer.concat([
      this.#type(".data..percpu", kind.DATASEC, entries.length, this.layout.perCpuBytes),
      ...entries,
    ]);
  }

  #type(name: string, tag: number, length: number, sizeOrType: number, kindFlag = false): Buffer {
    return words(this.#string(name), (kindFlag ? 0x80000000 : 0) | (tag << 24) | length, sizeOrType);
  }

  #string(text: string): number {
    const known = this.#stringOffsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#stringBytes;
    const bytes = Buffer.from(text + "\0", "latin1");
    this.#strings.push(bytes);
    this.#stringBytes += bytes.length;
    this.#stringOffsets.set(text, offset);
    return offset;
  }
}

function sizeOfType(layout: KernelLayout, type: string): number {
  return type.startsWith("* ") ? 8 : (layout.integers[type]?.[0] ?? layout.types[type]?.[0] ?? 0);
}

function words(...values: readonly number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}
