/**
 * How long one domain has wanted CPUs while processes of others were held: a leaky bucket. One that always does may do so for
 * `percent` of a window, and then has no say for the rest of it.
 */
export class Influence {
  /** Time that it wanted, less what it was entitled to since. */
  #owedNs = 0;
  #spent = false;
  readonly #part: number;
  readonly #mostOwedNs: number;

  constructor(percent: number, windowNs: number) {
    this.#part = percent / 100;
    this.#mostOwedNs = this.#part * (1 - this.#part) * windowNs;
  }

  /** It has used up what it may, and has not paid for it yet. */
  get spent(): boolean {
    return this.#spent;
  }

  /** When it will have paid. */
  get leftNs(): number {
    return this.#spent ? this.#owedNs / this.#part : 0;
  }

  /** `presses`: it has wanted CPUs in the last interval, and others were held. */
  look(intervalNs: number, presses: boolean): void {
    if (this.#part >= 1) return;
    const wantedNs = presses && !this.#spent ? intervalNs : 0;
    this.#owedNs = Math.max(0, this.#owedNs + wantedNs - this.#part * intervalNs);
    if (this.#owedNs > this.#mostOwedNs) this.#spent = true;
    else if (this.#owedNs === 0) this.#spent = false;
  }
}
