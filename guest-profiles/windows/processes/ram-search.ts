import {
  othersFirst,
  pageBytes,
  VmmschedError,
  type Domain,
  type Frame,
  type GuestVa,
  type RamPiece,
} from "vmmsched/plugin-api";
import { FrameRuns } from "./frame-runs.js";
import { locateProcess } from "./locate-process.js";
import { findProcessHeaders, type ProcessPlaces } from "./process-header.js";

/** As much as a processor's second-level cache holds. */
const framesAtOnce = 256;
const bytesAtOnce = framesAtOnce * pageBytes;
/** Of a running guest, in one scan: one or two milliseconds' worth. */
const readsAScan = 4;
/** Of a running guest, before it is managed: 8 GiB. Of one that has more, the rest comes with the scans. */
const mostFirstSteps = 8192;
/** Things that begin as a process does: so many are looked at before others have their turn. */
const looksAtOnce = 64;
/** So many in all of RAM, and it is a trap: Windows has some hundred, and as many again that are left over. */
const mostLooks = 1 << 16;

/**
 * Searches RAM for processes, whatever the guest's lists say: all of it once, and from then on a part of it in each scan, over
 * and over.
 */
export class RamSearch {
  readonly #frames = new FrameRuns();
  readonly #bytes = Buffer.alloc(bytesAtOnce);
  /** What {@link #bytes} holds, and where in it something begins as a process does. */
  readonly #read: Frame[] = [];
  readonly #found = new Int32Array(bytesAtOnce / 16);
  #foundCount = 0;
  #next = 0;
  #looks = 0;

  /** `offer` gets the address of everything that may be a process, and verifies it. */
  constructor(
    private readonly domain: Domain,
    private readonly places: ProcessPlaces,
    private readonly offer: (process: GuestVa) => void,
  ) {}

  /**
   * Searches all of RAM, or the first 8 GiB where the driver does not show it; others have their turn meanwhile. Throws
   * ERR_GUEST_CORRUPT where it is full of fakes.
   */
  async searchAll(): Promise<void> {
    this.#looks = 0;
    if (this.domain.ram === undefined) {
      this.#frames.assume(this.domain);
      for (let i = 0; i < mostFirstSteps && this.#step(); i++) await othersFirst();
      return;
    }
    for await (const piece of this.domain.ram()) {
      this.#frames.add(piece);
      await this.#searchPiece(piece);
    }
  }

  /** Searches the next part of RAM. Throws ERR_GUEST_CORRUPT where all of it together is full of fakes. */
  searchSome(): void {
    for (let i = 0; i < readsAScan && this.#step(); i++) if (this.#next < this.#foundCount) return;
  }

  /** Reads the next part, or looks on at what was found in the last one; false at the end of RAM. */
  #step(): boolean {
    if (this.#next >= this.#foundCount) {
      this.#frames.next(this.#read, framesAtOnce);
      if (this.#read.length === 0) {
        this.#looks = 0;
        return false;
      }
      const bytes = this.#bytes.subarray(0, this.#read.length * pageBytes);
      this.places.space.memory.readFrames(this.#read, bytes);
      this.#find(bytes);
    }
    const end = Math.min(this.#foundCount, this.#next + looksAtOnce);
    while (this.#next < end) {
      const at = this.#found[this.#next++] ?? 0;
      this.#look(this.#read[Math.floor(at / pageBytes)] ?? (0 as Frame), at % pageBytes);
    }
    return true;
  }

  async #searchPiece({ bytes, frameAt }: RamPiece): Promise<void> {
    for (let from = 0; from < bytes.length; from += bytesAtOnce) {
      this.#find(bytes.subarray(from, from + bytesAtOnce));
      while (this.#next < this.#foundCount) {
        const at = from + (this.#found[this.#next++] ?? 0);
        this.#look(frameAt(at - (at % pageBytes)), at % pageBytes);
        if (this.#next % looksAtOnce === 0) await othersFirst();
      }
    }
  }

  #find(bytes: Buffer): void {
    // Since the last part was read the guest may have mapped something else.
    this.places.space.flush();
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#foundCount = findProcessHeaders(words, this.places.header, this.#found);
    this.#next = 0;
  }

  #look(frame: Frame, offset: number): void {
    if (++this.#looks > mostLooks)
      throw new VmmschedError(
        "ERR_GUEST_CORRUPT",
        `more than ${mostLooks} things in its memory begin as a process does`,
      );
    const process = locateProcess(this.places.space, this.places.layout, frame, offset);
    if (process !== undefined) this.offer(process);
  }
}
