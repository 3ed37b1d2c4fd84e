import assert from "node:assert/strict";
import { closeSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { pageBytes } from "../../../core/memory/address.js";
import { ImageHypervisor } from "../../../native/image/index.js";
import { ImageFolder } from "./image-bytes.js";

const miB = 2 ** 20;

describe("all RAM of an image, for a search", () => {
  let folder: ImageFolder;
  beforeEach(() => (folder = new ImageFolder()));
  afterEach(() => folder[Symbol.dispose]());

  /** A file with a mark, which is its place, at each of these. */
  function marked(bytes: number, places: readonly number[]): string {
    const path = folder.write("guest.raw", Buffer.alloc(0));
    const file = openSync(path, "r+");
    ftruncateSync(file, bytes);
    for (const place of places) writeSync(file, Buffer.from(Float64Array.of(place).buffer), 0, 8, place);
    closeSync(file);
    return path;
  }

  /** How much was read, and the marks in it. */
  async function read(path: string): Promise<{ bytes: number; marks: readonly number[] }> {
    using hypervisor = new ImageHypervisor(path);
    const marks: number[] = [];
    let bytes = 0;
    for await (const piece of hypervisor.open(1).ram?.() ?? []) {
      assert.equal(piece.bytes.length % pageBytes, 0);
      bytes += piece.bytes.length;
      for (let at = 0; at < piece.bytes.length; at += pageBytes) {
        const mark = piece.bytes.readDoubleLE(at);
        if (mark === 0) continue;
        marks.push(mark);
        assert.equal(piece.frameAt(at), Math.floor(mark / pageBytes));
      }
    }
    return { bytes, marks: marks.sort((one, other) => one - other) };
  }

  it("has every page that is no hole, once", async () => {
    const places = [pageBytes, 3 * miB, 3 * miB + pageBytes, 40 * miB, 64 * miB - pageBytes];
    const path = marked(64 * miB, places);
    const { bytes, marks } = await read(path);
    assert.deepEqual(marks, places);
    const { blocks, size } = statSync(path);
    if (blocks * 512 < size / 2)
      assert.ok(bytes < size / 2, `${String(bytes)} bytes read of a file of holes`);
  });

  it("has all of a file without holes", async () => {
    const pages = Array.from({ length: 700 }, (_, page) => page * pageBytes).slice(1);
    const path = folder.write("full.raw", Buffer.alloc(700 * pageBytes, 1));
    const file = openSync(path, "r+");
    for (const place of pages) writeSync(file, Buffer.from(Float64Array.of(place).buffer), 0, 8, place);
    closeSync(file);
    const { bytes, marks } = await read(path);
    assert.equal(bytes, 700 * pageBytes);
    assert.deepEqual(marks.slice(1), pages);
  });

  it("may be given up half way", async () => {
    using hypervisor = new ImageHypervisor(marked(16 * miB, [0, 8 * miB]));
    for await (const piece of hypervisor.open(1).ram?.() ?? []) {
      assert.ok(piece.bytes.length > 0);
      break;
    }
  });
});
