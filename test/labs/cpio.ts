import { readFileSync } from "node:fs";

/** File types of a cpio entry's mode (stat.h's S_IF…). */
const FOLDER = 0o040000;
const FILE = 0o100000;
const LINK = 0o120000;
const CHARACTER_DEVICE = 0o020000;

/** An initramfs in the "newc" format, made without root rights or a staging folder. */
export class CpioArchive {
  readonly #parts: Buffer[] = [];
  readonly #folders = new Set<string>();
  #inode = 0;

  folder(path: string): this {
    if (path === "" || this.#folders.has(path)) return this;
    this.#parents(path);
    this.#folders.add(path);
    return this.#entry(path, FOLDER | 0o755, Buffer.alloc(0));
  }

  file(path: string, content: Buffer | string, mode = 0o644): this {
    this.#parents(path);
    return this.#entry(path, FILE | mode, Buffer.from(content));
  }

  /** Copies a file of the host, following links. */
  copy(path: string, from: string, mode = 0o755): this {
    return this.file(path, readFileSync(from), mode);
  }

  link(path: string, target: string): this {
    this.#parents(path);
    return this.#entry(path, LINK | 0o777, Buffer.from(target));
  }

  characterDevice(path: string, major: number, minor: number): this {
    this.#parents(path);
    return this.#entry(path, CHARACTER_DEVICE | 0o600, Buffer.alloc(0), major, minor);
  }

  bytes(): Buffer {
    this.#entry("TRAILER!!!", 0, Buffer.alloc(0));
    return Buffer.concat(this.#parts);
  }

  #parents(path: string): void {
    const slash = path.lastIndexOf("/");
    if (slash > 0) this.folder(path.slice(0, slash));
  }

  #entry(path: string, mode: number, content: Buffer, major = 0, minor = 0): this {
    const name = Buffer.from(`${path}\0`);
    const fields = [++this.#inode, mode, 0, 0, 1, 0, content.length, 0, 0, major, minor, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    this.#parts.push(Buffer.from(header), name, padding(header.length + name.length));
    this.#parts.push(content, padding(content.length));
    return this;
  }
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
