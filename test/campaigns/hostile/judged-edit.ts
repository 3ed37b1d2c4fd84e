import type { PausedDomain } from "../../../core/hypervisor.js";
import { isVmmschedError } from "../../../core/errors.js";
import { pageOffset, type AddressSpace } from "../../../core/memory/address-space.js";
import { pageBytes, type Frame, type GuestVa } from "../../../core/memory/address.js";
import { EditTransaction, type EditOutcome } from "../../../core/memory/edit-transaction.js";
import { walk } from "../../../core/memory/paging.js";
import type { GuardedDomain } from "./guarded-domain.js";

interface StagedWord {
  readonly va: GuestVa;
  readonly offset: number;
  readonly written: boolean;
  readonly value: number;
}

/** What a commit came to, and what was wrong about it. */
export interface JudgedCommit {
  readonly outcome: EditOutcome | "thrown";
  readonly faults: readonly string[];
}

/** A transaction that knows what was staged, and compares that with what a commit does to memory. */
export class JudgedEdit extends EditTransaction {
  readonly #staged: StagedWord[] = [];
  /** Words of RAM of what is staged, in that order, as they were mapped when {@link locate} was called. */
  #places: readonly number[] = [];
  #in: AddressSpace | undefined;

  override begin(space: AddressSpace): this {
    super.begin(space);
    this.#in = space;
    return this;
  }

  override forget(): void {
    super.forget();
    this.#in = undefined;
    this.#staged.length = 0;
    this.#places = [];
  }

  override expect32(va: GuestVa, offset: number, value: number): this {
    this.#staged.push({ va, offset, value: value >>> 0, written: false });
    return super.expect32(va, offset, value);
  }

  override write32(va: GuestVa, offset: number, value: number): this {
    this.#staged.push({ va, offset, value: value >>> 0, written: true });
    return super.write32(va, offset, value);
  }

  /** Finds by walks of its own which words of RAM it has to do with. */
  locate(domain: GuardedDomain): readonly number[] {
    this.#places = this.#staged.map((each) => this.#wordOf(domain, each));
    return this.#places;
  }

  /**
   * Commits, after {@link locate}. `seen`: the words that the plan read, with what it read last. What is written must have been staged, lie in a page of
   * which something is expected, and be what the plan saw; what does not commit must leave nothing behind.
   */
  judge(domain: GuardedDomain, paused: PausedDomain, seen: ReadonlyMap<number, number>): JudgedCommit {
    const { ramWords: ram } = domain;
    const mark = ram.mark;
    const outcome = this.#commit(paused);
    const faults: string[] = [];
    const before = ram.changedSince(mark);
    if (outcome !== "committed") {
      for (const [word, value] of before)
        if (ram.get(word) !== value) faults.push(`${outcome}, and word ${word} stays changed`);
      return { outcome, faults };
    }
    const pages = new Set<number>();
    const allowed = new Set<number>();
    const expected = new Set<number>();
    for (const [i, each] of this.#staged.entries()) {
      const word = this.#places[i] ?? -1;
      if (each.written) allowed.add(word);
      else {
        expected.add(word);
        pages.add(Math.floor((word * 4) / pageBytes));
        const found = before.get(word) ?? ram.get(word);
        if (found !== each.value) faults.push(`committed, and word ${word} is not what it expects`);
      }
    }
    for (const word of domain.written) {
      if (!allowed.has(word)) faults.push(`word ${word} is written and was not planned`);
      if (!pages.has(Math.floor((word * 4) / pageBytes)))
        faults.push(`word ${word} lies in a page of which nothing is expected`);
      const saw = seen.get(word);
      if (saw !== undefined && !expected.has(word) && saw !== before.get(word))
        faults.push(
          `word ${word} was ${hex(saw)} to the plan, is ${hex(before.get(word))}, and is overwritten`,
        );
    }
    return { outcome, faults };
  }

  #commit(paused: PausedDomain): JudgedCommit["outcome"] {
    try {
      return this.commit(paused);
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      return "thrown";
    }
  }

  /** -1 where nothing is mapped. */
  #wordOf(domain: GuardedDomain, { va, offset }: StagedWord): number {
    const space = this.#in;
    if (space === undefined) return -1;
    const first = Math.floor(va / pageBytes);
    const page = first + Math.floor((va - first * pageBytes + offset) / pageBytes);
    try {
      const frame = walk(domain.memory, space.paging, space.root, page * pageBytes);
      return frame < 0 ? -1 : domain.wordOf(frame as Frame, pageOffset(va, offset));
    } catch (error) {
      if (isVmmschedError(error)) return -1;
      throw error;
    }
  }
}

function hex(word: number | undefined): string {
  return word === undefined ? "unknown" : `0x${word.toString(16)}`;
}
