import { VmmschedError } from "../../core/errors.js";
import { pageBytes, type Frame } from "../../core/memory/address.js";
import type { RamPiece } from "../../core/ram-piece.js";
import type { ImageFile } from "./image-file.js";
import type { ImageRam } from "./image.js";
import { ramPieces } from "./ram-pieces.js";

/** Consecutive frames that lie one after the other in the file, from byte `position` on. */
export interface Segment {
  readonly first: number;
  readonly count: number;
  readonly position: number;
}

/** 64 MiB hold the structures of some thousand threads, and what lies beside them. */
const mostCachedPages = 16_384;
/** Pages read at once: what is read first of a guest lies together more often than not, and a call costs more than a copy. */
const pagesAhead = 8;
/** Frames a part of the index, as a power of two: parts are made where something is read. */
const partBits = 12;
const partMask = (1 << partBits) - 1;
const noPlaces: Uint16Array = new Uint16Array(1 << partBits);

/** Memory that lies in a file, found by frame. What is cached stays good: an image does not change. */
export class ImageMemory implements ImageRam {
  readonly #segments: readonly Segment[];
  readonly #cache: Uint8Array;
  readonly #words: DataView;
  /** Frame in each place of the cache, and by frame, in parts, its place plus one. */
  readonly #cachedFrames: Float64Array;
  readonly #places = new Map<number, Uint16Array>();
  /** Where the next page goes: the one that has been there longest makes room. */
  #next = 0;
  /** The part of the index that was asked last. */
  #part = -1;
  #placesOfPart: Uint16Array = noPlaces;

  /** Where segments overlap, the one that begins first counts. `cachedPages`: pages kept, at most 65,535. */
  constructor(
    private readonly file: ImageFile,
    segments: readonly Segment[],
    private readonly cachedPages = mostCachedPages,
  ) {
    this.#cache = new Uint8Array(cachedPages * pageBytes);
    this.#words = new DataView(this.#cache.buffer);
    this.#cachedFrames = new Float64Array(cachedPages).fill(-1);
    this.#segments = segments.toSorted((one, other) => one.first - other.first);
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { count }) => sum + count * pageBytes, 0);
  }

  pieces(): AsyncIterable<RamPiece> {
    return ramPieces(this.file, this.#segments);
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
    const place = this.#placesNear(frame)[frame & partMask] ?? 0;
    return place === 0 ? this.#fetch(frame) : (place - 1) * pageBytes;
  }

  /** The part of the index that has `frame`; one that is empty where there is none yet. */
  #placesNear(frame: number): Uint16Array {
    const part = Math.floor(frame / (1 << partBits));
    if (part !== this.#part) {
      this.#part = part;
      this.#placesOfPart = this.#places.get(part) ?? noPlaces;
    }
    return this.#placesOfPart;
  }

  /** Reads the page of `frame` into the cache, and with it those that follow it in the file and are not there yet. */
  #fetch(frame: Frame): number {
    const position = this.#position(frame);
    const place = this.#next;
    const at = place * pageBytes;
    const count = position < 0 ? 0 : this.#countToFetch(frame, position, place);
    for (let i = 0; i < Math.max(count, 1); i++) this.#evict(place + i);
    const fits = count > 1 && this.file.fill(position, this.#cache.subarray(at, at + count * pageBytes));
    if (!fits && (count === 0 || !this.file.fill(position, this.#cache.subarray(at, at + pageBytes)))) {
      const why = position < 0 ? "is not in the image" : "lies behind the end of the image";
      throw new VmmschedError("ERR_FRAME_UNREADABLE", `frame 0x${frame.toString(16)} ${why}`);
    }
    const read = fits ? count : 1;
    for (let i = 0; i < read; i++) {
      this.#cachedFrames[place + i] = frame + i;
      this.#place(frame + i, place + i + 1);
    }
    this.#next = (place + read) % this.cachedPages;
    return at;
  }

  /** How many pages from `frame` on follow each other in the file, are not cached, and have room from `place` on. */
  #countToFetch(frame: number, position: number, place: number): number {
    const most = Math.min(pagesAhead, this.cachedPages - place);
    let count = 1;
    while (
      count < most &&
      (this.#placesNear(frame + count)[(frame + count) & partMask] ?? 0) === 0 &&
      this.#position(frame + count) === position + count * pageBytes
    )
      count++;
    return count;
  }

  #evict(place: number): void {
    const before = this.#cachedFrames[place] ?? -1;
    if (before >= 0) this.#placesNear(before)[before & partMask] = 0;
    this.#cachedFrames[place] = -1;
  }

  #place(frame: number, place: number): void {
    if (this.#placesNear(frame) === noPlaces) {
      this.#placesOfPart = new Uint16Array(1 << partBits);
      this.#places.set(this.#part, this.#placesOfPart);
    }
    this.#placesOfPart[frame & partMask] = place;
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
