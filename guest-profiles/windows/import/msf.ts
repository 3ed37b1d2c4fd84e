import { invalidPdb } from "./symbols-invalid.js";

/** The multi-stream file that a PDB is (LLVM, docs/PDB/MsfFile.rst): its first bytes and the fields of its superblock. */
const magic = Buffer.from("Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0", "latin1");
const superblock = {
  blockBytes: 32,
  blockCount: 40,
  directoryBytes: 44,
  directoryMap: 52,
  bytes: 56,
} as const;
const blockSizes: ReadonlySet<number> = new Set([512, 1024, 2048, 4096, 8192, 16384, 32768]);
/** Size of a stream that is not there. */
const nilBytes = 0xffffffff;
/** Large PDBs have some thousand. */
const mostStreams = 1 << 16;

export function isMsf(file: Buffer): boolean {
  return file.subarray(0, magic.length).equals(magic);
}

/** The streams of a multi-stream file, put together from their blocks when they are asked for. */
export class Msf {
  readonly #blockBytes: number;
  /** By stream: its bytes and its blocks. */
  readonly #streams: readonly { readonly bytes: number; readonly blocks: readonly number[] }[];

  /** Throws ERR_SYMBOLS_INVALID. */
  constructor(private readonly file: Buffer) {
    if (file.length < superblock.bytes || !isMsf(file)) throw invalidPdb("it is no MSF 7.00 file");
    this.#blockBytes = file.readUInt32LE(superblock.blockBytes);
    if (!blockSizes.has(this.#blockBytes)) throw invalidPdb(`it has blocks of ${this.#blockBytes} bytes`);
    const wholeBytes = file.readUInt32LE(superblock.blockCount) * this.#blockBytes;
    if (wholeBytes > file.length)
      throw invalidPdb(`it should have ${wholeBytes} bytes and has ${file.length}`);
    const directoryBytes = file.readUInt32LE(superblock.directoryBytes);
    const map = file.readUInt32LE(superblock.directoryMap) * this.#blockBytes;
    const count = this.#blocksFor(directoryBytes, "directory");
    if (map + 4 * count > file.length) throw invalidPdb("its directory's map lies behind its end");
    const blocks = Array.from({ length: count }, (_, i) => file.readUInt32LE(map + 4 * i));
    this.#streams = this.#readDirectory(this.#join(blocks, directoryBytes, "directory"));
  }

  /** A stream's bytes; `what` names it in errors. Throws ERR_SYMBOLS_INVALID where there is none. */
  stream(index: number, what: string): Buffer {
    const stream = this.#streams[index];
    if (stream === undefined) throw invalidPdb(`it has no stream of ${what} (number ${index})`);
    return this.#join(stream.blocks, stream.bytes, what);
  }

  #readDirectory(directory: Buffer) {
    const count = directory.length < 4 ? 0 : directory.readUInt32LE(0);
    if (count > mostStreams || 4 + 4 * count > directory.length)
      throw invalidPdb(`its directory of ${directory.length} bytes says that there are ${count} streams`);
    let at = 4 + 4 * count;
    return Array.from({ length: count }, (_, i) => {
      const said = directory.readUInt32LE(4 + 4 * i);
      const bytes = said === nilBytes ? 0 : said;
      const blockCount = this.#blocksFor(bytes, `stream ${i}`);
      if (at + 4 * blockCount > directory.length) throw invalidPdb("its directory ends early");
      const blocks = Array.from({ length: blockCount }, (_, j) => directory.readUInt32LE(at + 4 * j));
      at += 4 * blockCount;
      return { bytes, blocks };
    });
  }

  /** No stream is longer than the file: what says so would take memory for nothing. */
  #blocksFor(bytes: number, what: string): number {
    if (bytes > this.file.length) throw invalidPdb(`its ${what} should have ${bytes} bytes`);
    return Math.ceil(bytes / this.#blockBytes);
  }

  #join(blocks: readonly number[], bytes: number, what: string): Buffer {
    const joined = Buffer.alloc(bytes);
    for (const [i, block] of blocks.entries()) {
      const length = Math.min(this.#blockBytes, bytes - i * this.#blockBytes);
      const from = block * this.#blockBytes;
      if (from + length > this.file.length) throw invalidPdb(`a block of its ${what} lies behind its end`);
      this.file.copy(joined, i * this.#blockBytes, from, from + length);
    }
    return joined;
  }
}
