/**
 * A column of short texts: a fixed number of bytes a row, NUL-padded. What does not fit is cut at a character's end.
 */
export class TextColumn {
  readonly #words: Int32Array;

  /** `bytes` begins at a multiple of four, and so does each of its rows: `rowBytes` is a multiple of four. */
  constructor(
    readonly bytes: Uint8Array,
    readonly rowBytes: number,
  ) {
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  }

  set(row: number, text: string): void {
    const at = row * this.rowBytes;
    this.bytes.fill(0, at, at + this.rowBytes);
    encoder.encodeInto(text, this.bytes.subarray(at, at + this.rowBytes));
  }

  clear(row: number): void {
    const words = this.rowBytes / 4;
    for (let i = row * words; i < (row + 1) * words; i++) this.#words[i] = 0;
  }

  /** Sets a row to these bytes, as words: NUL-padded to the row's length. Allocates nothing. */
  setWords(row: number, words: Int32Array): void {
    const length = this.rowBytes / 4;
    for (let i = 0; i < length; i++) this.#words[row * length + i] = words[i] ?? 0;
  }

  /** A reader of one row that decodes only what has changed since it looked last. */
  reader(row: number, encoding: "utf8" | "latin1"): () => string {
    const words = this.rowBytes / 4;
    const first = row * words;
    const seen = new Int32Array(words).fill(-1);
    let text = "";
    return () => {
      let same = true;
      for (let i = 0; i < words; i++) if (seen[i] !== this.#words[first + i]) same = false;
      if (same) return text;
      seen.set(this.#words.subarray(first, first + words));
      text = this.get(row, encoding);
      return text;
    };
  }

  get(row: number, encoding: "utf8" | "latin1"): string {
    const bytes = this.bytes.slice(row * this.rowBytes, (row + 1) * this.rowBytes);
    const end = bytes.indexOf(0);
    return Buffer.from(bytes.subarray(0, end < 0 ? this.rowBytes : end)).toString(encoding);
  }
}

const encoder = new TextEncoder();
