import { pageBytes } from "../../core/memory/address.js";
import { callError } from "./call-error.js";

/** A run of guest frames that lies in one of QEMU's memory regions without a gap. */
export interface RamPiece {
  readonly firstFrame: number;
  readonly frames: number;
  /** Name of the region: the id of a memory backend (`ram0`), or `pc.ram`, `pc.bios`, `vga.vram`... */
  readonly region: string;
  /** Where in the region it begins, in bytes. */
  readonly regionOffset: number;
  /** Firmware shadows and ROMs are readable only. */
  readonly writable: boolean;
}

/** A line of a flat view (memory_region_type and mtree_print_flatview, softmmu/memory.c). Addresses are inclusive. */
const rangeLine =
  /^ {2}([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (?:nv-)?(ram|rom|ramd|romd|i\/o)\): (.+?)(?: @([0-9a-f]{16}))?(?: (?:KVM|HVF))?$/;
/** What the CPUs and devices see when they address memory. */
const systemMemory = ' AS "memory", root: system';

/**
 * Where RAM lies in the machine's physical address space, by its own account: the flat view of its system memory in
 * `info mtree -f`. In order of the frames. `machine` names it in errors; throws ERR_HYPERVISOR_CALL when there is no such
 * view or a line of it is not understood.
 */
export function parsePhysicalLayout(text: string, machine: string): readonly RamPiece[] {
  const view = text
    .split(/\r?\n\r?\n/)
    .find((part) => part.split(/\r?\n/).some((line) => line.startsWith(systemMemory)));
  if (view === undefined)
    throw callError("info mtree -f", machine, "it shows no flat view of the system's memory");
  const pieces: RamPiece[] = [];
  for (const line of view.split(/\r?\n/)) {
    if (!/^ {2}[0-9a-f]/.test(line)) continue;
    const match = rangeLine.exec(line);
    if (match === null)
      throw callError("info mtree -f", machine, `this line is not understood: ${line.trim()}`);
    const [, first = "", last = "", kind, region = "", offset = "0"] = match;
    if (kind === "i/o" || kind === "ramd" || kind === "romd") continue;
    const piece = wholeFrames(parseInt(first, 16), parseInt(last, 16), parseInt(offset, 16));
    if (piece !== undefined) pieces.push({ ...piece, region, writable: kind === "ram" });
  }
  return pieces.sort((one, other) => one.firstFrame - other.firstFrame);
}

/** Undefined for what fills no whole frame, and for what does not lie in its region as pages do. */
function wholeFrames(first: number, last: number, offset: number) {
  if ((offset - first) % pageBytes !== 0) return undefined;
  const firstFrame = Math.ceil(first / pageBytes);
  const frames = Math.floor((last + 1) / pageBytes) - firstFrame;
  if (frames <= 0) return undefined;
  return { firstFrame, frames, regionOffset: offset + firstFrame * pageBytes - first };
}
