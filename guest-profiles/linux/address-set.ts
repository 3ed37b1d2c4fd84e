const firstBits = 10;

/** Odd, and another in each process: a guest chooses its addresses, and must not be able to choose those that collide. */
const factor = () => Math.floor(Math.random() * 2 ** 31) * 2 + 1;
const lowFactor = factor();
const highFactor = factor();

/** A set of guest addresses, filled anew at every scan. Once it has grown to the guest's size, it allocates nothing. */
export class AddressSet {
  #bits = firstBits;
  #addresses = new Float64Array(1 << firstBits);
  /** A slot is in use if it has the number of the present filling. */
  #fillings = new Uint32Array(1 << firstBits);
  #filling = 1;
  #count = 0;

  clear(): void {
    this.#filling = (this.#filling + 1) >>> 0;
    if (this.#filling === 0) {
      this.#fillings.fill(0);
      this.#filling = 1;
    }
    this.#count = 0;
  }

  /** Adds `from[index]`: an address that is passed may cost an allocation, one that is stored does not. */
  add(from: Float64Array, index: number): void {
    if (2 * this.#count >= this.#addresses.length) this.#grow();
    const slot = this.#slot(from, index);
    if (this.#fillings[slot] === this.#filling) return;
    this.#fillings[slot] = this.#filling;
    this.#addresses[slot] = from[index] ?? 0;
    this.#count++;
  }

  /** Has it `from[index]`? */
  has(from: Float64Array, index: number): boolean {
    return this.#fillings[this.#slot(from, index)] === this.#filling;
  }

  /** The slot that has this address, or the free one where it belongs. */
  #slot(from: Float64Array, index: number): number {
    const address = from[index] ?? 0;
    const hash = Math.imul(address | 0, lowFactor) + Math.imul(Math.floor(address / 2 ** 32) | 0, highFactor);
    const mask = this.#addresses.length - 1;
    let slot = (hash | 0) >>> (32 - this.#bits);
    while (this.#fillings[slot] === this.#filling && this.#addresses[slot] !== address)
      slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [addresses, fillings] = [this.#addresses, this.#fillings];
    this.#bits++;
    this.#addresses = new Float64Array(1 << this.#bits);
    this.#fillings = new Uint32Array(1 << this.#bits);
    this.#count = 0;
    for (let slot = 0; slot < addresses.length; slot++)
      if (fillings[slot] === this.#filling) this.add(addresses, slot);
  }
}
