import { pageBytes, type Frame } from "../../core/memory/address.js";
import type { RamPiece } from "../../core/ram-piece.js";
import type { Run } from "./holes.js";
import type { ImageFile } from "./image-file.js";
import type { Segment } from "./image-memory.js";

/** As much as a processor's second-level cache holds. */
const pieceBytes = 1 << 20;
/** Node reads files in four threads. */
const readsAtOnce = 4;

/** Segments that follow each other in the file. */
interface SegmentRun extends Run {
  readonly segments: readonly Segment[];
}

/** A part of the file that is read at once. */
interface Part extends Run {
  readonly of: SegmentRun;
}

/** A buffer, and what it was filled with. */
interface Filled {
  readonly buffer: Buffer;
  readonly piece: RamPiece;
}

/** All pages of these segments that are no hole in the file, as they come: several reads are under way at once. */
export async function* ramPieces(file: ImageFile, segments: readonly Segment[]): AsyncGenerator<RamPiece> {
  const parts = partsOf(file, segments);
  const underWay = new Map<Buffer, Promise<Filled>>();
  const readNext = async (buffer: Buffer) => {
    const next = await parts.next();
    if (next.done !== true) underWay.set(buffer, read(file, next.value, buffer));
  };
  try {
    for (let i = 0; i < readsAtOnce; i++) await readNext(Buffer.allocUnsafe(pieceBytes));
    while (underWay.size > 0) {
      const { buffer, piece } = await Promise.race(underWay.values());
      underWay.delete(buffer);
      yield piece;
      await readNext(buffer);
    }
  } finally {
    await Promise.all(underWay.values());
  }
}

async function* partsOf(file: ImageFile, segments: readonly Segment[]): AsyncGenerator<Part> {
  for (const run of inFileOrder(segments)) {
    for (const { position, bytes } of await file.data(run)) {
      // File systems know holes by blocks, which may be smaller than pages.
      const from = run.position + Math.floor((position - run.position) / pageBytes) * pageBytes;
      const to = run.position + Math.ceil((position + bytes - run.position) / pageBytes) * pageBytes;
      for (let at = from; at < to; at += pieceBytes)
        yield { position: at, bytes: Math.min(pieceBytes, to - at), of: run };
    }
  }
}

/** Segments that follow each other in the file are one run, whatever their frames. */
function inFileOrder(segments: readonly Segment[]): readonly SegmentRun[] {
  const runs: { position: number; bytes: number; segments: Segment[] }[] = [];
  for (const segment of segments.toSorted((one, other) => one.position - other.position)) {
    const { position } = segment;
    const bytes = segment.count * pageBytes;
    const last = runs.at(-1);
    if (last === undefined || last.position + last.bytes !== position) {
      runs.push({ position, bytes, segments: [segment] });
      continue;
    }
    last.bytes += bytes;
    last.segments.push(segment);
  }
  return runs;
}

/** What cannot be read is zeros, page by page. */
async function read(file: ImageFile, { position, bytes, of }: Part, buffer: Buffer): Promise<Filled> {
  const pages = buffer.subarray(0, bytes);
  const piece = { bytes: pages, frameAt: (at: number) => frameAt(of, position + at) };
  if (await file.fillLater(position, pages)) return { buffer, piece };
  for (let at = 0; at < bytes; at += pageBytes) {
    const page = pages.subarray(at, at + pageBytes);
    if (!file.fill(position + at, page)) page.fill(0);
  }
  return { buffer, piece };
}

/** Which frame begins at a byte of the file: in the last segment that begins there or before. */
function frameAt({ segments }: SegmentRun, position: number): Frame {
  let low = 0;
  let high = segments.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    const segment = segments[middle];
    if (segment !== undefined && segment.position <= position) low = middle;
    else high = middle;
  }
  const segment = segments[low];
  return (segment === undefined ? -1 : segment.first + (position - segment.position) / pageBytes) as Frame;
}
