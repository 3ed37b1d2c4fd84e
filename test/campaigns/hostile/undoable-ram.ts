/** Words of a guest's RAM that are damaged and mended again: what a word was before is kept until then. */
export class UndoableRam {
  readonly #log: number[] = [];

  constructor(readonly words: Uint32Array) {}

  get(word: number): number {
    return this.words[word] ?? 0;
  }

  set(word: number, value: number): void {
    this.note(word, this.get(word));
    this.words[word] = value;
  }

  /** Somebody else has changed this word. */
  note(word: number, before: number): void {
    this.#log.push(word, before);
  }

  /** Where the log ends now, for {@link undo}. */
  get mark(): number {
    return this.#log.length;
  }

  /** Mends what was changed since `mark`, the last change first. */
  undo(mark = 0): void {
    while (this.#log.length > mark) {
      const before = this.#log.pop() ?? 0;
      this.words[this.#log.pop() ?? 0] = before;
    }
  }

  /** Words that have been changed since `mark`. */
  changedSince(mark: number): ReadonlyMap<number, number> {
    const changed = new Map<number, number>();
    for (let i = mark; i < this.#log.length; i += 2)
      if (!changed.has(this.#log[i] ?? 0)) changed.set(this.#log[i] ?? 0, this.#log[i + 1] ?? 0);
    return changed;
  }
}
