import type { BitPlace, LayoutFile, StructureFile } from "../layout-file.js";
import { resolveLayout } from "../layout.js";
import { wantedStructures, wantedSymbols } from "../wanted.js";
import type { TypeSource } from "./type-source.js";

/**
 * Cuts out of a source what the profile uses. `build`: the kernel's version, which neither ISF nor PDB says. Throws
 * ERR_LAYOUT_MEMBER_MISSING where the source is of no kernel that the profile could read.
 */
export function makeLayout(source: TypeSource, build: string | undefined): LayoutFile {
  const symbols = wantedSymbols.flatMap((name) => {
    const address = source.symbol(name);
    return address === undefined ? [] : [[name, address] as const];
  });
  const structures = Object.entries(wantedStructures).flatMap(([name, wanted]) => {
    const structure = cutStructure(source, `_${name}`, wanted);
    return structure === undefined ? [] : [[`_${name}`, structure] as const];
  });
  const layout: LayoutFile = {
    schema: 1,
    ...(build === undefined ? {} : { build }),
    pdb: source.pdb,
    symbols: Object.fromEntries(symbols),
    structures: Object.fromEntries(structures),
  };
  resolveLayout(layout);
  return layout;
}

function cutStructure(
  source: TypeSource,
  structure: string,
  wanted: {
    readonly needed: readonly string[];
    readonly maybe: readonly string[];
    readonly bits: readonly string[];
  },
): StructureFile | undefined {
  const size = source.size(structure);
  if (size === undefined) return undefined;
  const members: Record<string, number> = {};
  const bits: Record<string, BitPlace> = {};
  for (const path of [...wanted.needed, ...wanted.maybe]) {
    const found = source.member(structure, path);
    if (found !== undefined && found.bits === undefined) members[path] = found.offset;
  }
  for (const field of wanted.bits) {
    const found = source.member(structure, field);
    if (found?.bits !== undefined) bits[field] = { at: found.offset, ...found.bits };
  }
  return { size, members, ...(Object.keys(bits).length === 0 ? {} : { bits }) };
}
