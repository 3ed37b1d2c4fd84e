import type { LayoutFile, PdbId } from "../../../guest-profiles/windows/layout-file.js";

/** An ISF as Volatility 3 would have made it of the PDB that a layout names. */
export function isfText({ structures, symbols, pdb }: LayoutFile & { readonly pdb: PdbId }): string {
  const types: Record<string, { kind: string; size: number; fields: Record<string, unknown> }> = {};
  for (const [name, { size, members, bits = {} }] of Object.entries(structures)) {
    const fields: Record<string, unknown> = {};
    for (const [path, offset] of Object.entries(members)) {
      const [outer = "", inner] = path.split(".");
      const innerName = `${name}_${outer}`;
      if (inner === undefined) {
        const type = types[innerName] && { kind: "struct", name: innerName };
        fields[outer] = { offset, type: type ?? { kind: "base", name: "char" } };
        continue;
      }
      const from = members[outer] ?? offset;
      const whole = (types[innerName] ??= { kind: "struct", size: 0x40, fields: {} });
      const known = fields[outer] as { offset: number } | undefined;
      whole.fields[inner] = {
        offset: offset - (known?.offset ?? from),
        type: { kind: "base", name: "char" },
      };
      fields[outer] = { offset: known?.offset ?? from, type: { kind: "struct", name: innerName } };
    }
    for (const [field, { at, bit, length }] of Object.entries(bits)) {
      const unit = { kind: "base", name: "unsigned long" };
      fields[field] = {
        offset: at,
        type: { kind: "bitfield", bit_position: bit, bit_length: length, type: unit },
      };
    }
    types[name] = { kind: "struct", size, fields };
  }
  return JSON.stringify({
    metadata: {
      format: "6.1.0",
      windows: { pdb: { GUID: pdb.guid, age: pdb.age, database: pdb.name, machine_type: 0x8664 } },
    },
    base_types: {},
    enums: {},
    symbols: Object.fromEntries(Object.entries(symbols).map(([name, address]) => [name, { address }])),
    user_types: types,
  });
}
