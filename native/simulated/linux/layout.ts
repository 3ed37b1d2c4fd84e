import { debian61, type LayoutMember } from "../layouts/debian-6.1.js";

/** Byte offset of `path` ("se.load.weight") in a structure; anonymous members are looked into. */
export function offsetOf(struct: string, path: string): number {
  return bitOffsetOf(struct, path) >>> 3;
}

/** Bit offset of `path`, for bit-fields. */
export function bitOffsetOf(struct: string, path: string): number {
  let type = `struct ${struct}`;
  let bits = 0;
  for (const name of path.split(".")) {
    const found = findMember(type, name);
    if (found === undefined) throw new RangeError(`the layout has no ${struct}.${path}`);
    bits += found.bits;
    type = withoutTypedefs(found.type);
  }
  return bits;
}

export function sizeOf(struct: string): number {
  const type = debian61.types[`struct ${struct}`];
  if (type === undefined) throw new RangeError(`the layout has no struct ${struct}`);
  return type[0];
}

function findMember(type: string, name: string): { bits: number; type: string } | undefined {
  const members: readonly LayoutMember[] = debian61.types[type]?.[1] ?? [];
  for (const [memberName, bits, memberType] of members) {
    if (memberName === name) return { bits, type: memberType };
    if (memberName !== "") continue;
    const inner = findMember(withoutTypedefs(memberType), name);
    if (inner !== undefined) return { bits: bits + inner.bits, type: inner.type };
  }
  return undefined;
}

function withoutTypedefs(type: string): string {
  let name = type;
  while (name.startsWith("typedef ")) name = debian61.typedefs[name.slice(8)] ?? "void";
  return name;
}
