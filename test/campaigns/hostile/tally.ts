/** What a campaign has seen. */
export class Tally {
  readonly #counts = new Map<string, number>();
  readonly #mostReads = new Map<string, number>();

  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  reads(call: string, reads: number): void {
    if (reads > (this.#mostReads.get(call) ?? 0)) this.#mostReads.set(call, reads);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  get figures(): readonly string[] {
    const counts = [...this.#counts].toSorted(([, a], [, b]) => b - a);
    const reads = [...this.#mostReads].map(([call, most]) => `${call} ${most}`);
    return [
      counts.map(([what, count]) => `${what} ${count}`).join(", "),
      `most words read in one call: ${reads.join(", ")}`,
    ];
  }
}
