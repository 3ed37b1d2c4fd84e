import { pdbKey, type LayoutFile, type PdbId } from "../layout-file.js";
import type { DebuggerData, DebuggerPointer } from "./debugger-data.js";
import { isBuildOf, type WindowsVersion } from "./version.js";

/** A layout file and its path relative to plugin.json. */
export interface NamedLayout {
  readonly path: string;
  readonly file: LayoutFile;
}

/** Symbols that the debugger data block has pointers to. */
const landmarks: readonly DebuggerPointer[] = [
  "PsLoadedModuleList",
  "PsActiveProcessHead",
  "PspCidTable",
  "KiProcessorBlock",
];

export function namedLayouts(layouts: ReadonlyMap<string, unknown>): readonly NamedLayout[] {
  return [...layouts].map(([path, file]) => ({ path, file: file as LayoutFile }));
}

/** The layout of exactly this PDB. */
export function layoutOfPdb(layouts: readonly NamedLayout[], pdb: PdbId): NamedLayout | undefined {
  return layouts.find(({ file }) => file.pdb !== undefined && pdbKey(file.pdb) === pdbKey(pdb));
}

/**
 * The layout whose symbols lie exactly where the debugger data block points, the block itself among them: five addresses that
 * change with every build. For dumps that have not kept the kernel's debug record.
 */
export function layoutByLandmarks(
  layouts: readonly NamedLayout[],
  data: DebuggerData,
): NamedLayout | undefined {
  const base = data.pointer("KernBase");
  return layouts.find(
    ({ file: { symbols } }) =>
      symbols.KdDebuggerDataBlock === data.address - base &&
      landmarks.every((name) => symbols[name] === data.pointer(name) - base),
  );
}

/** Layouts that a kernel of this version may have, in the order of their files. */
export function candidates(layouts: readonly NamedLayout[], version: WindowsVersion): readonly NamedLayout[] {
  return layouts.filter(({ file: { build } }) => build !== undefined && isBuildOf(build, version));
}
