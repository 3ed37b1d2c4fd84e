const firstNs = 30e9;
const longestNs = 3600e9;

/**
 * For how long one domain's word does not count: 30 s at first, and twice as long each time, up to an hour; who was trusted for an
 * hour begins anew. Where the evidence lasts when its time is over, the next time begins at once.
 */
export class Distrust {
  #lengthNs = 0;
  #untilNs = Number.NEGATIVE_INFINITY;
  #reason: string | undefined;

  /** Why it is not trusted; undefined: it is. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Host clock when that ends. */
  get untilNs(): number {
    return this.#untilNs;
  }

  /** `accusation`: what is wrong with what it says now. True when a time begins. */
  look(nowNs: number, accusation: string | undefined): boolean {
    if (this.#reason !== undefined && nowNs < this.#untilNs) return false;
    this.#reason = accusation;
    if (accusation === undefined) return false;
    const isForgotten = nowNs - this.#untilNs > longestNs;
    this.#lengthNs = isForgotten ? firstNs : Math.min(2 * this.#lengthNs, longestNs);
    this.#untilNs = nowNs + this.#lengthNs;
    return true;
  }
}
