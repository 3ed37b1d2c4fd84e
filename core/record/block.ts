import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { VmmschedError, messageOf } from "../errors.js";

/** First bytes of every record; the format's version follows, as four bytes, little-endian. */
const magic = Buffer.from("vmmsrec\n", "latin1");
export const formatVersion = 3;
export const fileHeadBytes = magic.length + 4;

/** Kind, length of what follows, and CRC-32 of both and it. */
const blockHeadBytes = 12;
/** A longer block is none. */
const longestBlockBytes = 64 * 1024 * 1024;

/** Kinds of blocks. Readers skip those that they do not know. */
export const blockKinds = {
  head: "HEAD",
  policy: "PLCY",
  tick: "TICK",
  failure: "FAIL",
  end: "END ",
} as const;

/** A piece of a record that can be read, skipped and checked by itself. */
export interface Block {
  readonly kind: string;
  /** Where it begins in the record. */
  readonly at: number;
  /** All of it, as it stands in the record. */
  readonly bytes: Buffer;
}

export function fileHead(): Buffer {
  const version = Buffer.alloc(4);
  version.writeUInt32LE(formatVersion);
  return Buffer.concat([magic, version]);
}

/** Throws ERR_RECORD_INVALID for what is no record, and ERR_RECORD_VERSION for one of another version. */
function checkFileHead(bytes: Buffer): void {
  if (!bytes.subarray(0, magic.length).equals(magic))
    throw new VmmschedError(
      "ERR_RECORD_INVALID",
      "this is no record: it does not begin as those of vmmsched do",
    );
  const version = bytes.readUInt32LE(magic.length);
  if (version !== formatVersion)
    throw new VmmschedError(
      "ERR_RECORD_VERSION",
      `the record has version ${version} of the format; this vmmsched reads version ${formatVersion}`,
    );
}

export function encodeBlock(kind: string, content: Uint8Array): Buffer {
  const packed = deflateRawSync(content);
  const block = Buffer.alloc(blockHeadBytes + packed.length);
  block.write(kind, 0, "latin1");
  block.writeUInt32LE(packed.length, 4);
  packed.copy(block, blockHeadBytes);
  block.writeUInt32LE(checksum(block), 8);
  return block;
}

/** What a block holds. Throws ERR_RECORD_INVALID when that is more than `mostBytes`, or damaged. */
export function blockContent({ bytes, at }: Block, mostBytes: number): Buffer {
  try {
    return inflateRawSync(bytes.subarray(blockHeadBytes), { maxOutputLength: mostBytes });
  } catch (error) {
    throw new VmmschedError("ERR_RECORD_INVALID", `the record is damaged at byte ${at}: ${messageOf(error)}`);
  }
}

/** Cuts a record that comes in pieces into its blocks. */
export class BlockSplitter {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes of whole blocks so far. */
  #at = 0;

  /** Bytes that came and are no whole block yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Did the bytes that tell a record from other files come? */
  get begun(): boolean {
    return this.#at > 0;
  }

  /** The blocks that are whole with this piece. Throws ERR_RECORD_INVALID or ERR_RECORD_VERSION where it is no record. */
  *push(piece: Buffer): Generator<Block, void, undefined> {
    this.#pending.push(piece);
    this.#pendingBytes += piece.length;
    if (!this.begun) {
      if (this.#pendingBytes < fileHeadBytes) return;
      checkFileHead(this.#take(fileHeadBytes));
    }
    for (;;) {
      if (this.#pendingBytes < blockHeadBytes) return;
      const at = this.#at;
      const length = this.#peek(blockHeadBytes).readUInt32LE(4);
      if (length > longestBlockBytes) throw damagedAt(at);
      if (this.#pendingBytes < blockHeadBytes + length) return;
      const bytes = this.#take(blockHeadBytes + length);
      if (bytes.readUInt32LE(8) !== checksum(bytes)) throw damagedAt(at);
      yield { kind: bytes.toString("latin1", 0, 4), at, bytes };
    }
  }

  #take(length: number): Buffer {
    const all = this.#peek(length);
    this.#pending = [all.subarray(length)];
    this.#pendingBytes -= length;
    this.#at += length;
    return all.subarray(0, length);
  }

  /** Joins pieces only when the first of them is too short, so that a long block costs one copy. */
  #peek(length: number): Buffer {
    const [first] = this.#pending;
    if (first !== undefined && first.length >= length) return first;
    const all = Buffer.concat(this.#pending);
    this.#pending = [all];
    return all;
  }
}

/** Over kind, length and content. */
function checksum(block: Buffer): number {
  return crc32(block.subarray(blockHeadBytes), crc32(block.subarray(0, 8)));
}

function damagedAt(at: number): VmmschedError {
  return new VmmschedError(
    "ERR_RECORD_INVALID",
    `the record is damaged at byte ${at}; what comes before it is sound`,
    {
      at,
    },
  );
}
