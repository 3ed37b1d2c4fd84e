import assert from "node:assert/strict";
import fc from "fast-check";
import { isVmmschedError } from "../../../core/errors.js";
import { pageBytes, type Frame } from "../../../core/memory/address.js";
import { ImageFile } from "../../../native/image/image-file.js";
import { ImageMemory, type Segment } from "../../../native/image/image-memory.js";
import { ImageFolder } from "./image-bytes.js";

const filePages = 120;
/** Far fewer than there are: most reads make another page leave. */
const cachedPages = 24;

/** Runs of pages in the order of the file, with gaps between their frames that may cross parts of the index. */
const layouts = fc.array(fc.record({ count: fc.integer({ min: 1, max: 20 }), gap: fc.nat(5000) }), {
  minLength: 1,
  maxLength: 12,
});

function segmentsOf(runs: readonly { count: number; gap: number }[]): readonly Segment[] {
  const segments: Segment[] = [];
  let [first, page] = [0, 0];
  for (const { count, gap } of runs) {
    first += gap;
    if (page + count > filePages) break;
    segments.push({ first, count, position: page * pageBytes });
    first += count;
    page += count;
  }
  return segments;
}

describe("memory that lies in a file", () => {
  let folder: ImageFolder;
  beforeEach(() => (folder = new ImageFolder()));
  afterEach(() => folder[Symbol.dispose]());

  it("is read right in any order, with more pages than are kept", () => {
    const bytes = Buffer.alloc(filePages * pageBytes);
    for (let page = 0; page < filePages; page++)
      for (let at = 0; at < pageBytes; at += 4) bytes.writeInt32LE(page * 10_000 + at, page * pageBytes + at);
    using file = new ImageFile(folder.write("image.raw", bytes));
    const reads = fc.array(fc.tuple(fc.nat(filePages - 1), fc.nat(1023)), { minLength: 50, maxLength: 400 });
    fc.assert(
      fc.property(layouts, reads, (runs, wanted) => {
        const segments = segmentsOf(runs);
        const frames = segments.flatMap(({ first, count, position }) =>
          Array.from({ length: count }, (_, i) => [first + i, position / pageBytes + i] as const),
        );
        const memory = new ImageMemory(file, segments, cachedPages);
        for (const [choice, word] of wanted) {
          const [frame, page] = frames[choice % Math.max(1, frames.length)] ?? [0, -1];
          if (page < 0) continue;
          assert.equal(memory.i32(frame as Frame, 4 * word), page * 10_000 + 4 * word);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("says so when a frame is in no segment, or its segment reaches beyond the file, again and again", () => {
    using file = new ImageFile(folder.write("short.raw", Buffer.alloc(3 * pageBytes, 1)));
    const memory = new ImageMemory(file, [{ first: 10, count: 6, position: 0 }], cachedPages);
    for (let turn = 0; turn < 3; turn++) {
      for (const frame of [9, 13, 15, 16])
        assert.throws(
          () => memory.i32(frame as Frame, 0),
          (error) => isVmmschedError(error, "ERR_FRAME_UNREADABLE"),
        );
      for (const frame of [10, 11, 12]) assert.equal(memory.i32(frame as Frame, 0), 0x01010101);
    }
  });
});
