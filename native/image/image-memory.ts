import { VmmschedError } from "../../core/errors.js";
import type { FrameRange } from "../../core/hypervisor.js";
import { pageBytes, type Frame } from "../../core/memory/address.js";
import type { PhysicalMemory } from "../../core/memory/physical-memory.js";
import type { ImageFile } from "./image-file.js";

/** Consecutive frames that lie one after the other in the file, from byte `position` on. */
export interface Segment extends FrameRange {
  readonly position: number;
}

/** Pages kept in memory, a power of two; 16 MiB hold the task structures of some thousand threads. */
const cachedPages = 4096;

/** Memory that lies in a file, found by frame. What is cached stays good: an image does not change. */
export class ImageMemory implements PhysicalMemory {
  readonly #segments: readonly Segment[];
  readonly #cache = new Uint8Array(cachedPages * pageBytes);
  readonly #words = new DataView(this.#cache.buffer);
  readonly #cachedFrames = new Float64Array(cachedPages).fill(-1);

  /** Where segments overlap, the one that begins first counts. */
  constructor(
    private readonly file: ImageFile,
    segments: readonly Segment[],
  ) {
    this.#segments = segments.toSorted((one, other) => one.first - other.first);
  }

  i32(frame: Frame, offset: number): number {
    return this.#words.getInt32(this.#cached(frame) + offset, true);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    const at = this.#cached(frame) + offset;
    if (offset < 0 || offset + into.length > pageBytes)
      throw new RangeError(`bytes ${offset} to ${offset + into.length} are not in one frame`);
    into.set(this.#cache.subarray(at, at + into.length));
  }

  /** Neighbouring frames that are neighbours in the file too are read at once. */
  readFrames(frames: readonly Frame[], into: Uint8Array): number {
    let count = 0;
    for (let from = 0; from < frames.length;) {
      const position = this.#position(frames[from] ?? -1);
      let to = from + 1;
      while (to < frames.length && this.#position(frames[to] ?? -1) === position + (to - from) * pageBytes)
        to++;
      const bytes = into.subarray(from * pageBytes, to * pageBytes);
      if (position >= 0 && this.file.fill(position, bytes)) count += to - from;
      else if (position >= 0 && to - from > 1) count += this.#oneByOne(position, bytes);
      else bytes.fill(0);
      from = to;
    }
    return count;
  }

  /** A run of pages of which not all can be read. */
  #oneByOne(position: number, into: Uint8Array): number {
    let count = 0;
    for (let at = 0; at < into.length; at += pageBytes) {
      const page = into.subarray(at, at + pageBytes);
      if (this.file.fill(position + at, page)) count++;
      else page.fill(0);
    }
    return count;
  }

  /** Byte of the cache where the page of `frame` begins. */
  #cached(frame: Frame): number {
    const slot = frame & (cachedPages - 1);
    const at = slot * pageBytes;
    if (this.#cachedFrames[slot] === frame) return at;
    const position = this.#position(frame);
    this.#cachedFrames[slot] = -1;
    if (position < 0 || !this.file.fill(position, this.#cache.subarray(at, at + pageBytes))) {
      const why = position < 0 ? "is not in the image" : "lies behind the end of the image";
      throw new VmmschedError("ERR_FRAME_UNREADABLE", `frame 0x${frame.toString(16)} ${why}`);
    }
    this.#cachedFrames[slot] = frame;
    return at;
  }

  /** Byte of the file where `frame` begins, or -1. */
  #position(frame: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const segment = this.#segments[middle];
      if (segment === undefined || segment.first > frame) high = middle;
      else if (frame < segment.first + segment.count)
        return segment.position + (frame - segment.first) * pageBytes;
      else low = middle + 1;
    }
    return -1;
  }
}
