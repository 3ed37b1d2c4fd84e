const kept = 8192;

/** Lengths of the pauses, for logs and benchmarks. Recording allocates nothing. */
export class PauseMeter {
  readonly #lengthsNs = new Float64Array(kept);
  #count = 0;
  #overruns = 0;
  #totalNs = 0;

  record(lengthNs: number, budgetNs: number): void {
    this.#lengthsNs[this.#count % kept] = lengthNs;
    this.#count++;
    this.#totalNs += lengthNs;
    if (lengthNs > budgetNs) this.#overruns++;
  }

  /** Undefined before the first pause. */
  summary(): PauseSummary | undefined {
    if (this.#count === 0) return undefined;
    const sorted = this.#lengthsNs.slice(0, Math.min(this.#count, kept)).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    const [count, overruns, totalNs] = [this.#count, this.#overruns, this.#totalNs];
    return { count, overruns, totalNs, p50Ns: at(0.5), p99Ns: at(0.99), maxNs: at(1) };
  }
}

export interface PauseSummary {
  readonly count: number;
  /** Pauses that were longer than the budget. */
  readonly overruns: number;
  /** All of them together. */
  readonly totalNs: number;
  /** Of the last ones. */
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
}
