import { open, type FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { VmmschedError, messageOf } from "../errors.js";
import { BlockSplitter, blockContent, blockKinds, encodeBlock, fileHead, type Block } from "./block.js";
import { encodeJson, longestContentBytes, parseEnd, type RecordEnd } from "./record-content.js";

export interface SaveOptions {
  /** Replace a file of this name. */
  readonly overwrite: boolean;
  /** Ends the recording; what came is kept. */
  readonly signal: AbortSignal;
}

export interface SavedRecord {
  readonly ticks: number;
  readonly bytes: number;
  readonly end: RecordEnd;
}

/**
 * Writes a record that comes as a stream to `file`, readable by its owner alone. However the stream ends, the file is a
 * whole record of what came. Throws ERR_RECORD_UNWRITABLE, and ERR_RECORD_INVALID when what comes is no record.
 */
export async function saveRecord(
  source: Readable,
  file: string,
  { overwrite, signal }: SaveOptions,
): Promise<SavedRecord> {
  const stop = () => source.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) stop();
    await using saving = new Saving(file, overwrite);
    const end = (await takeAll(source, saving)) ?? endOf(saving.ticks, signal);
    return await saving.finish(end);
  } finally {
    signal.removeEventListener("abort", stop);
    source.destroy();
  }
}

/** The end that the record states; undefined when it just stopped coming. */
async function takeAll(source: Readable, saving: Saving): Promise<RecordEnd | undefined> {
  const splitter = new BlockSplitter();
  for await (const piece of untilBroken(source)) {
    for (const block of splitter.push(piece)) {
      if (block.kind === blockKinds.end) return parseEnd(blockContent(block, longestContentBytes));
      await saving.take(block);
    }
  }
  return undefined;
}

/** A stream that breaks has ended: what came before counts. */
async function* untilBroken(source: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const piece of source) yield piece as Buffer;
  } catch {
    return;
  }
}

function endOf(ticks: number, signal: AbortSignal): RecordEnd {
  return signal.aborted
    ? { ticks, why: "it was stopped", early: false }
    : { ticks, why: "the connection to the scheduler was lost", early: true };
}

/** The file comes into being with the first block: where nothing comes, nothing is replaced. */
class Saving implements AsyncDisposable {
  ticks = 0;
  #bytes = 0;
  #handle: FileHandle | undefined;

  constructor(
    private readonly path: string,
    private readonly overwrite: boolean,
  ) {}

  async take({ kind, bytes }: Block): Promise<void> {
    if (this.#handle === undefined) {
      this.#handle = await this.#open();
      await this.#write(fileHead());
    }
    await this.#write(bytes);
    if (kind === blockKinds.tick) this.ticks++;
  }

  async finish(end: RecordEnd): Promise<SavedRecord> {
    if (this.#handle === undefined)
      throw new VmmschedError(
        "ERR_RECORD_INVALID",
        `nothing was recorded, and no file was written: ${end.why}`,
      );
    await this.#write(encodeBlock(blockKinds.end, encodeJson({ ...end, ticks: this.ticks })));
    return { ticks: this.ticks, bytes: this.#bytes, end };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
  }

  async #open(): Promise<FileHandle> {
    try {
      return await open(this.path, this.overwrite ? "w" : "wx", 0o600);
    } catch (error) {
      const exists = (error as NodeJS.ErrnoException).code === "EEXIST";
      const why = exists ? "it exists; choose another name, or give --force" : messageOf(error);
      throw unwritable(this.path, why, error);
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    try {
      await this.#handle?.writeFile(bytes);
    } catch (error) {
      throw unwritable(this.path, `${messageOf(error)}; what came before is kept`, error);
    }
    this.#bytes += bytes.length;
  }
}

function unwritable(path: string, why: string, cause: unknown): VmmschedError {
  return new VmmschedError(
    "ERR_RECORD_UNWRITABLE",
    `the record ${path} cannot be written: ${why}`,
    { file: path },
    { cause },
  );
}
