const kept = 8192;

/** Lengths of the last pauses, for logs and benchmarks. Recording allocates nothing. */
export class PauseMeter {
  readonly #lengthsNs = new Float64Array(kept);
  #count = 0;
  #overruns = 0;

  record(lengthNs: number, budgetNs: number): void {
    this.#lengthsNs[this.#count % kept] = lengthNs;
    this.#count++;
    if (lengthNs > budgetNs) this.#overruns++;
  }

  /** Figures of the pauses kept; undefined before the first. */
  summary(): PauseSummary | undefined {
    if (this.#count === 0) return undefined;
    const sorted = this.#lengthsNs.slice(0, Math.min(this.#count, kept)).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { count: this.#count, overruns: this.#overruns, p50Ns: at(0.5), p99Ns: at(0.99), maxNs: at(1) };
  }
}

export interface PauseSummary {
  readonly count: number;
  /** Pauses that were longer than the budget. */
  readonly overruns: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
}
