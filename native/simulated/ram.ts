import { VmmschedError } from "../../core/errors.js";
import { pageBytes, type Frame } from "../../core/memory/address.js";
import type { PhysicalMemory } from "../../core/memory/physical-memory.js";
import type { Random } from "./linux/random.js";

const wordsPerPage = pageBytes / 4;
/** Machine frames of a PV domain are taken from above this one. */
const machineFramesFrom = 0x100000;

/**
 * Memory of one domain. The guest numbers its pages from 0 (PFN); outside, a page is known by its frame: the same
 * number for PVH (GFN), a machine frame (MFN) for PV, where neighbouring pages have unrelated frames.
 */
export class Ram implements PhysicalMemory {
  readonly pages: number;
  readonly buffer: SharedArrayBuffer;
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
  /** Frame of each PFN. */
  readonly frames: Int32Array;
  readonly #firstFrame: number;
  /** PFN of each frame, counted from the first; -1 where the domain has no such frame. */
  readonly #pfns: Int32Array;
  /** PV: pages that Xen validated as page tables; nobody may write to them. */
  readonly #tables: Uint8Array;

  constructor(pages: number, machineFrames: Random | undefined) {
    this.pages = pages;
    this.buffer = new SharedArrayBuffer(pages * pageBytes);
    this.words = new Uint32Array(this.buffer);
    this.bytes = new Uint8Array(this.buffer);
    this.#tables = new Uint8Array(pages);
    this.frames = Int32Array.from({ length: pages }, (_, pfn) => pfn);
    this.#firstFrame = 0;
    this.#pfns = Int32Array.from(this.frames);
    if (machineFrames !== undefined) {
      // Twice the range, so that half of the frames between the domain's own belong to others.
      const range = machineFrames.shuffle(Int32Array.from({ length: 2 * pages }, (_, i) => i));
      this.#firstFrame = machineFramesFrom + 0x100 * machineFrames.below(0x1000);
      this.#pfns = new Int32Array(2 * pages).fill(-1);
      for (let pfn = 0; pfn < pages; pfn++) {
        const place = range[pfn] ?? 0;
        this.#pfns[place] = pfn;
        this.frames[pfn] = this.#firstFrame + place;
      }
    }
  }

  frame(pfn: number): Frame {
    return (this.frames[pfn] ?? -1) as Frame;
  }

  /** PFN of `frame`, or -1. */
  pfn(frame: number): number {
    return this.#pfns[frame - this.#firstFrame] ?? -1;
  }

  i32(frame: Frame, offset: number): number {
    const pfn = this.#pfns[frame - this.#firstFrame] ?? -1;
    if (pfn < 0) throw unreadable(frame);
    return (this.words[pfn * wordsPerPage + (offset >>> 2)] ?? 0) | 0;
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    const pfn = this.pfn(frame);
    if (pfn < 0 || offset + into.length > pageBytes) throw unreadable(frame);
    const from = pfn * pageBytes + offset;
    into.set(this.bytes.subarray(from, from + into.length));
  }

  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    let read = 0;
    frames.forEach((frame, i) => {
      const pfn = this.pfn(frame);
      const at = i * pageBytes;
      if (pfn < 0) {
        into.fill(0, at, at + pageBytes);
      } else {
        into.set(this.bytes.subarray(pfn * pageBytes, (pfn + 1) * pageBytes), at);
        read++;
      }
    });
    return read;
  }

  /** For a paused domain only: {@link "./domain-memory.js"}. */
  write32(frame: Frame, offset: number, value: number): void {
    const pfn = this.pfn(frame);
    if (pfn < 0)
      throw new VmmschedError("ERR_FRAME_UNWRITABLE", `the domain has no frame ${String(frame)}`, { frame });
    if (this.#tables[pfn] === 1) {
      throw new VmmschedError(
        "ERR_FRAME_UNWRITABLE",
        `frame ${String(frame)} is a page table of a PV guest`,
        { frame },
      );
    }
    this.words[pfn * wordsPerPage + (offset >>> 2)] = value;
  }

  /** Pins or unpins a page as a PV page table. */
  setTable(pfn: number, isTable: boolean): void {
    this.#tables[pfn] = isTable ? 1 : 0;
  }

  /** The domain is gone: every frame belongs to somebody else now. */
  release(): void {
    this.#pfns.fill(-1);
  }
}

function unreadable(frame: number): VmmschedError {
  return new VmmschedError("ERR_FRAME_UNREADABLE", `the domain has no frame ${String(frame)}`, { frame });
}
