import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { VmmschedError, messageOf } from "../../core/errors.js";

/**
 * An image file, read at positions: what was cut off since, or lies on a disk that fails, is an error, where a mapping of
 * the file would end the process.
 */
export class ImageFile implements Disposable {
  readonly bytes: number;
  readonly #descriptor: number;
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
