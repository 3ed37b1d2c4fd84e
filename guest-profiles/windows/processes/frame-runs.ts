import { pageBytes, type Domain, type Frame, type RamPiece } from "vmmsched/plugin-api";

/** Machines with more RAM than this have a part of it behind a hole for devices, of at most this size. */
const lowRamBytes = 2 * 2 ** 30;

interface Run {
  readonly first: number;
  count: number;
}

/** The frames of a domain's RAM, as consecutive runs, gone through a part at a time and over and over. */
export class FrameRuns {
  readonly #runs: Run[] = [];
  #run = 0;
  #within = 0;

  /** Adds what a driver shows. */
  add({ bytes, frameAt }: RamPiece): void {
    for (let at = 0; at < bytes.length; at += pageBytes) this.#append(frameAt(at), 1);
  }

  /** For drivers that do not know: from 0 on, and what is no RAM reads as zeros. */
  assume({ info: { memoryBytes } }: Domain): void {
    const hole = memoryBytes > lowRamBytes ? lowRamBytes : 0;
    this.#append(0, Math.ceil((memoryBytes + hole) / pageBytes));
  }

  /** Replaces what is in `into` by the next frames, at most `most`; none at the end, after which they come from the beginning. */
  next(into: Frame[], most: number): void {
    into.length = 0;
    for (let run = this.#runs[this.#run]; run !== undefined; run = this.#runs[++this.#run]) {
      while (into.length < most && this.#within < run.count) into.push((run.first + this.#within++) as Frame);
      if (this.#within < run.count) return;
      this.#within = 0;
    }
    if (into.length === 0) this.#run = 0;
  }

  #append(first: number, count: number): void {
    const last = this.#runs.at(-1);
    if (last !== undefined && last.first + last.count === first) last.count += count;
    else this.#runs.push({ first, count });
  }
}
