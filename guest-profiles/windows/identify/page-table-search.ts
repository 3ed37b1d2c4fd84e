import { pageBytes, type Domain, type Frame, type PhysicalMemory, type RamPiece } from "vmmsched/plugin-api";
import { attempt } from "./attempt.js";

/** Tables of that many processes are tried: each of them maps the kernel. */
const mostCandidates = 64;
/** In the upper half; Windows 10 chooses the entry at random, those before always took 0x1ed. */
const firstSelfEntry = 0x100;
const entries = 512;
const fewestEntries = 4;
const present = 1;

/**
 * The start-up code of other processors, which stays below 1 MiB (memflow and MemProcFS know it): a jump, and the page
 * table that they begin with.
 */
const lowStub = {
  frames: 256,
  mask: 0xffff_ffff_ffff_00ffn,
  jump: 0x0000_0001_0006_00e9n,
  root: 0xa0,
} as const;

/**
 * Frames in RAM that look like top page tables of Windows: one entry leads back to the table itself, by which Windows edits
 * its tables. The lowest come first, as that of the System process is made before all others. For images without registers;
 * one that is left over from an earlier boot looks the same.
 */
export async function* topTablesInRam(domain: Domain): AsyncGenerator<Frame> {
  const stub = lowStubRoot(domain.memory);
  if (stub !== undefined) yield stub;
  const found: Frame[] = [];
  for await (const piece of domain.ram?.() ?? []) found.push(...framesThatPointAtThemselves(piece));
  found.sort((one, other) => one - other);
  for (const frame of found.slice(0, mostCandidates)) if (frame !== stub) yield frame;
}

function lowStubRoot(memory: PhysicalMemory): Frame | undefined {
  const page = Buffer.alloc(pageBytes);
  for (let frame = 1; frame < lowStub.frames; frame++) {
    if (attempt(() => (memory.read(frame as Frame, 0, page), true)) === undefined) continue;
    if ((page.readBigUInt64LE(0) & lowStub.mask) !== lowStub.jump) continue;
    const root = page.readBigUInt64LE(lowStub.root) >> 12n;
    if (root > 0n && root < 1n << 40n) return Number(root) as Frame;
  }
  return undefined;
}

function framesThatPointAtThemselves(piece: RamPiece): readonly Frame[] {
  const { bytes } = piece;
  const found: Frame[] = [];
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let at = 0; at < bytes.length; at += pageBytes) {
    const frame = piece.frameAt(at);
    if (pointsAtItself(frame, words.subarray(at / 4, (at + pageBytes) / 4))) found.push(frame);
  }
  return found;
}

function pointsAtItself(frame: Frame, table: Int32Array): boolean {
  let used = 0;
  let self = false;
  for (let entry = firstSelfEntry; entry < entries; entry++) {
    const low = table[2 * entry] ?? 0;
    if ((low & present) === 0) continue;
    used++;
    const high = (table[2 * entry + 1] ?? 0) & 0x000fffff;
    if (high * 2 ** 20 + (low >>> 12) === frame) self = true;
  }
  return self && used >= fewestEntries;
}
