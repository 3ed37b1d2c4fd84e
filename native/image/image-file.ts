import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { VmmschedError, messageOf } from "../../core/errors.js";
import { dataRuns, type Run } from "./holes.js";

const readLater = promisify(read);
/** Blocks of st_blocks. */
const blockBytes = 512;

/**
 * An image file, read at positions: what was cut off since, or lies on a disk that fails, is an error, where a mapping of
 * the file would end the process.
 */
export class ImageFile implements Disposable {
  readonly bytes: number;
  readonly #descriptor: number;
  /** It has holes, or is compressed: it takes less room than its length. */
  readonly #sparse: boolean;
  #open = true;

  /** Throws ERR_IMAGE_UNREADABLE. */
  constructor(readonly path: string) {
    try {
      this.#descriptor = openSync(path, "r");
    } catch (error) {
      throw new VmmschedError("ERR_IMAGE_UNREADABLE", `${path} cannot be opened: ${messageOf(error)}`);
    }
    const status = fstatSync(this.#descriptor);
    this.bytes = status.size;
    this.#sparse = status.blocks * blockBytes < status.size;
    if (status.isFile()) return;
    this[Symbol.dispose]();
    throw new VmmschedError("ERR_IMAGE_UNREADABLE", `${path} is not a regular file`);
  }

  /** Fills `into` from byte `position` on; false where the file ends before, or cannot be read. */
  fill(position: number, into: Uint8Array): boolean {
    if (!this.#open || position < 0 || position + into.length > this.bytes) return false;
    try {
      for (let done = 0; done < into.length;) {
        const count = readSync(this.#descriptor, into, done, into.length - done, position + done);
        if (count === 0) return false;
        done += count;
      }
      return true;
    } catch {
      return false;
    }
  }

  /** The same in a thread beside this one: several are under way at once, and this thread searches meanwhile. */
  async fillLater(position: number, into: Uint8Array): Promise<boolean> {
    if (!this.#open || position < 0 || position + into.length > this.bytes) return false;
    try {
      const { bytesRead } = await readLater(this.#descriptor, into, 0, into.length, position);
      return bytesRead === into.length || this.fill(position + bytesRead, into.subarray(bytesRead));
    } catch {
      return false;
    }
  }

  /** What of `run` is not a hole, in order. */
  data(run: Run): Promise<readonly Run[]> {
    return this.#sparse && this.#open ? dataRuns(this.#descriptor, run) : Promise.resolve([run]);
  }

  /** `length` bytes from `position` on, which `what` names. Throws ERR_IMAGE_INVALID where the file does not have them. */
  slice(position: number, length: number, what: string): Buffer {
    const bytes = Buffer.alloc(position + length <= this.bytes ? length : 0);
    if (bytes.length === length && this.fill(position, bytes)) return bytes;
    const end = String(position + length);
    throw invalidImage(this.path, `${what} should end at byte ${end}, the file has ${String(this.bytes)}`);
  }

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#descriptor);
    this.#open = false;
  }
}

/** The image says something that cannot be. */
export function invalidImage(path: string, found: string): VmmschedError {
  const advice = "The copy may be incomplete: make the image again.";
  return new VmmschedError("ERR_IMAGE_INVALID", `${path}: ${found}. ${advice}`, { path });
}
