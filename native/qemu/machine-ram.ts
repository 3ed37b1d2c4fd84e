import { closeSync } from "node:fs";
import { pageBytes } from "../../core/memory/address.js";
import { callError } from "./call-error.js";
import { GuestRam, type BackedRegion } from "./guest-ram.js";
import { parsePhysicalLayout, type RamPiece } from "./physical-layout.js";
import type { Qmp } from "./qmp.js";
import { openRamFile } from "./ram-file.js";

/** A memory region of a machine, and whether its memory is shared with us. */
export interface RegionFinding {
  readonly name: string;
  readonly bytes: number;
  readonly shared: boolean;
}

/** RAM of a machine, as far as it is shared, and what there is in all. */
export interface MachineRam {
  readonly ram: GuestRam;
  readonly regions: readonly RegionFinding[];
}

/**
 * Maps all shared RAM of a machine. Nothing is assumed of how it was started: the machine tells where its RAM lies, and at which
 * of QEMU's own addresses; its process, which file is mapped there. Throws ERR_HYPERVISOR_CALL and ERR_HYPERVISOR_UNAVAILABLE.
 */
export function mapMachineRam(qmp: Qmp, pid: number): MachineRam {
  const layout = parsePhysicalLayout(qmp.monitor("info mtree -f"), qmp.path);
  const regions: RegionFinding[] = [];
  const backed: BackedRegion[] = [];
  try {
    for (const name of new Set(layout.map(({ region }) => region))) {
      const pieces = layout.filter(({ region }) => region === name);
      const bytes = pieces.reduce((sum, { frames }) => sum + frames * pageBytes, 0);
      const file = openRamFile(pid, baseAddress(qmp, pieces), qmp.path);
      regions.push({ name, bytes, shared: file !== undefined });
      if (file !== undefined) backed.push({ name, file });
    }
  } catch (error) {
    for (const { file } of backed) closeSync(file.fd);
    throw error;
  }
  return { ram: new GuestRam(qmp.path, layout, backed), regions };
}

/** Where in QEMU's own address space the region of `pieces` begins. */
function baseAddress(qmp: Qmp, pieces: readonly RamPiece[]): number {
  const [piece] = pieces;
  if (piece === undefined) return 0;
  const command = `gpa2hva 0x${(piece.firstFrame * pageBytes).toString(16)}`;
  const answer = qmp.monitor(command);
  const [, region, address] =
    /^Host virtual address for 0x[0-9a-f]+ \((.+)\) is 0x([0-9a-f]+)\s*$/.exec(answer) ?? [];
  if (region !== piece.region || address === undefined)
    throw callError(command, qmp.path, `${JSON.stringify(answer.trim())} does not name ${piece.region}`);
  return parseInt(address, 16) - piece.regionOffset;
}
