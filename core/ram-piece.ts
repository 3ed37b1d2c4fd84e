import { othersFirst } from "./guest-profile.js";
import { pageBytes, type Frame } from "./memory/address.js";
import type { PhysicalMemory } from "./memory/physical-memory.js";

/** Whole frames of a domain's RAM, to be searched. */
export interface RamPiece {
  /** Good until the next piece is asked for. */
  readonly bytes: Buffer;
  /** The frame that begins at byte `at` of {@link bytes}, a multiple of 4096. Neighbours there need not be neighbours in RAM. */
  readonly frameAt: (at: number) => Frame;
}

/** As much as a processor's second-level cache holds. */
const framesAtOnce = 256;

/** RAM of `count` frames that is read through `memory`; `frameOf` numbers them, in any order. */
export async function* piecesOf(
  memory: PhysicalMemory,
  count: number,
  frameOf: (index: number) => Frame,
): AsyncGenerator<RamPiece> {
  const bytes = Buffer.alloc(framesAtOnce * pageBytes);
  for (let from = 0; from < count; from += framesAtOnce) {
    const length = Math.min(framesAtOnce, count - from);
    const piece = bytes.subarray(0, length * pageBytes);
    memory.readFrames(
      Array.from({ length }, (_, i) => frameOf(from + i)),
      piece,
    );
    yield { bytes: piece, frameAt: (at) => frameOf(from + Math.floor(at / pageBytes)) };
    await othersFirst();
  }
}
