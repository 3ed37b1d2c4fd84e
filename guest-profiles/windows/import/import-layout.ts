import { VmmschedError } from "vmmsched/plugin-api";
import type { LayoutFile } from "../layout-file.js";
import { readIsf } from "./isf.js";
import { makeLayout } from "./make-layout.js";
import { isMsf } from "./msf.js";
import { readPdb } from "./pdb.js";

/** A version, and the name of the file that a kernel's PDB has wherever it was built. */
export interface ImportOptions {
  /** `major.minor.build.revision` of ntoskrnl.exe. */
  readonly build?: string;
}
const kernelPdb = "ntkrnlmp.pdb";

/**
 * The layout of the kernel that a file of symbols describes: a PDB, or an ISF as Volatility 3 makes it (unpacked). Throws
 * ERR_SYMBOLS_INVALID, or ERR_LAYOUT_MEMBER_MISSING where it is of something else than a kernel.
 */
export function importLayout(file: Buffer, { build }: ImportOptions = {}): LayoutFile {
  if (isMsf(file)) return makeLayout(readPdb(file, kernelPdb), build);
  if (/^\s*\{/.test(file.toString("latin1", 0, 64))) return makeLayout(readIsf(file.toString("utf8")), build);
  const found = file
    .subarray(0, 16)
    .toString("latin1")
    .replaceAll(/[^\x20-\x7e]/g, ".");
  throw new VmmschedError(
    "ERR_SYMBOLS_INVALID",
    `a file that begins with "${found}" is neither a PDB (MSF 7.00) nor an ISF (JSON)`,
  );
}
