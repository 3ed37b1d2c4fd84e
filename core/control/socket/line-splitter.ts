import { VmmschedError } from "../../errors.js";

const lineEnd = 0x0a;

/** Cuts bytes that come in pieces into lines. */
export class LineSplitter {
  #bytes: Buffer = Buffer.alloc(0);
  /** Up to here there is no line end. */
  #searched = 0;

  /** The longest line, in bytes and without its end. */
  constructor(private readonly longestBytes: number) {}

  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** The next line that is complete. Throws ERR_CONTROL_PROTOCOL for one that is too long, also before its end came. */
  next(): string | undefined {
    const end = this.#bytes.indexOf(lineEnd, this.#searched);
    if ((end < 0 ? this.#bytes.length : end) > this.longestBytes) {
      throw new VmmschedError(
        "ERR_CONTROL_PROTOCOL",
        `a line is longer than ${this.longestBytes} bytes, which is the longest allowed`,
      );
    }
    if (end < 0) {
      this.#searched = this.#bytes.length;
      return undefined;
    }
    const line = this.#bytes.toString("utf8", 0, end);
    this.#bytes = this.#bytes.subarray(end + 1);
    this.#searched = 0;
    return line;
  }

  /** What came after the last line. */
  rest(): Buffer {
    return this.#bytes;
  }
}
