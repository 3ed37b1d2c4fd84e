import { pageBytes } from "../../../core/memory/address.js";

/** Words of RAM in a row that a profile reads as one thing. */
export interface Blob {
  readonly name: string;
  readonly firstWord: number;
  readonly words: number;
}

/** What lies in the image of a kernel: how it begins, and how many bytes from there on are worth damage. */
const signatures: readonly (readonly [name: string, begin: Buffer, lengthBytes: number])[] = [
  ["BTF header", Buffer.from([0x9f, 0xeb, 1, 0]), 64],
  ["BTF and kallsyms", Buffer.from([0x9f, 0xeb, 1, 0]), 192 * 1024],
  ["banner", Buffer.from("Linux version "), 128],
  ["VMCOREINFO", Buffer.from("OSRELEASE="), 2048],
  ["PE headers", Buffer.from("MZ"), pageBytes],
  ["CodeView record", Buffer.from("RSDS"), 64],
  ["debugger data", Buffer.from("KDBG"), 1024],
];
const most = 8;

/** The first few of each kind. */
export function findBlobs(ram: Uint8Array): readonly Blob[] {
  const bytes = Buffer.from(ram.buffer, ram.byteOffset, ram.byteLength);
  return signatures.flatMap(([name, begin, lengthBytes]) => {
    const blobs: Blob[] = [];
    for (let at = bytes.indexOf(begin); at >= 0 && blobs.length < most; at = bytes.indexOf(begin, at + 1)) {
      // What leads to it stands right before it at times.
      const firstWord = Math.max(0, Math.floor(at / 4) - 4);
      const words = Math.min(lengthBytes / 4, ram.byteLength / 4 - firstWord);
      blobs.push({ name, firstWord, words });
    }
    return blobs;
  });
}
