import { pageBytes } from "../../core/memory/address.js";
import { offset64 } from "./elf.js";
import { invalidImage, type ImageFile } from "./image-file.js";
import type { Segment } from "./image-memory.js";

/** PHYSICAL_MEMORY_DESCRIPTOR in the header: its place, its room, and where its runs begin. */
const descriptor = { at: 0x88, bytes: 700, pageCount: 8, runs: 16, runBytes: 16 } as const;
const firstPageOfFull = 0x2000;
/** What stands behind the header of a bitmap dump (rizin, kdmp-parser, Volatility 2). */
const bitmap = { at: 0x2000, firstPage: 0x20, pageCount: 0x28, bitCount: 0x30, bits: 0x38 } as const;
const bitmapMagics: ReadonlySet<string> = new Set(["SDMPDUMP", "FDMPDUMP"]);
/** 52 bits of physical address. */
const mostFrames = 2 ** 40;
const mostBitmapBytes = 1 << 28;
const bitmapPieceBytes = 1 << 20;

/** Runs of physical memory, one behind the other in the file. Throws ERR_IMAGE_INVALID. */
export function fullSegments(file: ImageFile, header: Buffer): readonly Segment[] {
  const count = header.readUInt32LE(descriptor.at);
  const pageCount = offset64(header, descriptor.at + descriptor.pageCount);
  if (count < 1 || descriptor.runs + count * descriptor.runBytes > descriptor.bytes)
    throw invalidImage(file.path, `a full crash dump with ${count} runs of memory`);
  let position = firstPageOfFull;
  const segments = Array.from({ length: count }, (_, i) => {
    const run = descriptor.at + descriptor.runs + i * descriptor.runBytes;
    const segment = { first: offset64(header, run), count: offset64(header, run + 8), position };
    position += segment.count * pageBytes;
    if (segment.first + segment.count > mostFrames)
      throw invalidImage(file.path, `its run ${i} ends beyond all physical memory`);
    return segment;
  });
  const pages = segments.reduce((sum, run) => sum + run.count, 0);
  if (pages !== pageCount)
    throw invalidImage(file.path, `${pageCount} pages by its header, ${pages} by its runs`);
  requireBytes(file, position);
  return segments;
}

/** A bit for each page of physical memory; the pages of the bits that are set follow each other. Throws ERR_IMAGE_INVALID. */
export function bitmapSegments(file: ImageFile): readonly Segment[] {
  const header = file.slice(bitmap.at, bitmap.bits, "the header of the bitmap");
  const magic = header.toString("latin1", 0, 8);
  if (!bitmapMagics.has(magic))
    throw invalidImage(file.path, `a bitmap crash dump without SDMPDUMP or FDMPDUMP at byte ${bitmap.at}`);
  const firstPage = offset64(header, bitmap.firstPage);
  // Sources do not agree which of the two comes first; bits are never fewer than pages.
  const counts = [offset64(header, bitmap.pageCount), offset64(header, bitmap.bitCount)] as const;
  const [pageCount, bitCount] = [Math.min(...counts), Math.max(...counts)];
  const bytes = Math.ceil(bitCount / 8);
  if (bytes > mostBitmapBytes || bitmap.at + bitmap.bits + bytes > firstPage)
    throw invalidImage(file.path, `its bitmap of ${bitCount} bits does not fit before byte ${firstPage}`);
  const segments = runsOfBits(file, bitCount, firstPage);
  const pages = segments.reduce((sum, run) => sum + run.count, 0);
  if (pages !== pageCount)
    throw invalidImage(file.path, `${pageCount} pages by its header, ${pages} by its bitmap`);
  requireBytes(file, firstPage + pages * pageBytes);
  return segments;
}

function runsOfBits(file: ImageFile, bitCount: number, firstPage: number): readonly Segment[] {
  const segments: { first: number; count: number; position: number }[] = [];
  let last: { first: number; count: number; position: number } | undefined;
  let position = firstPage;
  for (let from = 0; from < bitCount; from += 8 * bitmapPieceBytes) {
    const to = Math.min(bitCount, from + 8 * bitmapPieceBytes);
    const start = bitmap.at + bitmap.bits + from / 8;
    const piece = file.slice(start, Math.ceil((to - from) / 8), "the bitmap");
    for (let frame = from; frame < to; frame++) {
      const byte = piece[(frame - from) >>> 3] ?? 0;
      if (byte === 0 && (frame & 7) === 0) {
        frame += 7;
        continue;
      }
      if (((byte >>> (frame & 7)) & 1) === 0) continue;
      if (last !== undefined && last.first + last.count === frame) last.count++;
      else segments.push((last = { first: frame, count: 1, position }));
      position += pageBytes;
    }
  }
  return segments;
}

function requireBytes(file: ImageFile, end: number): void {
  if (end > file.bytes)
    throw invalidImage(file.path, `its memory should end at byte ${end}, the file has ${file.bytes}`);
}
