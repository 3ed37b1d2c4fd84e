/** So long, and in so many samples, something must have been seen before it counts: guests that do nothing wrong are never accused. */
const neededNs = 2e9;
const neededSamples = 10;

/** Evidence for one thing, gathered over ticks. */
export class Evidence {
  #ns = 0;
  #samples = 0;

  get complete(): boolean {
    return this.#ns >= neededNs && this.#samples >= neededSamples;
  }

  /** An interval of this length bears it out. What is beyond what is needed does not pile up. */
  add(ns: number): void {
    this.#ns = Math.min(neededNs, this.#ns + ns);
    this.#samples = Math.min(neededSamples, this.#samples + 1);
  }

  /** An interval contradicts it, and takes away so much of what one would bring. */
  relieve(ns: number, part: number): void {
    this.#ns = Math.max(0, this.#ns - part * ns);
    this.#samples = Math.max(0, this.#samples - part);
  }

  clear(): void {
    this.#ns = 0;
    this.#samples = 0;
  }
}
