import { formatVa, pageBytes, vaOffset, type GuestVa } from "../memory/address.js";
import { EditTransaction } from "../memory/edit-transaction.js";

/** A transaction that remembers what was staged, to judge it. */
export class RecordedEdit extends EditTransaction {
  readonly #expected = new Set<number>();
  readonly #written: GuestVa[] = [];

  override forget(): void {
    super.forget();
    this.#expected.clear();
    this.#written.length = 0;
  }

  override expect32(va: GuestVa, offset: number, value: number): this {
    this.#expected.add(pageOf(vaOffset(va, offset)));
    return super.expect32(va, offset, value);
  }

  override write32(va: GuestVa, offset: number, value: number): this {
    this.#written.push(vaOffset(va, offset));
    return super.write32(va, offset, value);
  }

  /** Addresses of the words that it would write. */
  get written(): readonly GuestVa[] {
    return this.#written;
  }

  /** Words to be written to pages of which nothing is expected: who says that they are still what they were? */
  get unfounded(): readonly string[] {
    return this.#written.filter((va) => !this.#expected.has(pageOf(va))).map(formatVa);
  }
}

function pageOf(va: GuestVa): number {
  return Math.floor(va / pageBytes);
}
