import { open, type FileHandle } from "node:fs/promises";
import { VmmschedError, messageOf } from "../errors.js";
import { noNice } from "../nice.js";
import { WishColumns } from "../policies/wish-columns.js";
import { HostColumns } from "../snapshot/host-columns.js";
import { BlockSplitter, blockContent, blockKinds, type Block } from "./block.js";
import { mostFrameBytes, type Frame } from "./frame.js";
import {
  longestContentBytes,
  missingColumns,
  parseEnd,
  parseFailure,
  parseHead,
  parsePolicyStart,
  type PolicyFailure,
  type PolicyStart,
  type RecordEnd,
  type RecordHead,
} from "./record-content.js";
import { domainColumns, taskColumns, type ColumnDescription } from "./columns.js";
import { decodeTick } from "./tick-delta.js";

const pieceBytes = 64 * 1024;
/** Policies that have not been asked yet, and their states in all. */
const mostPolicyStarts = 256;
const mostStateBytes = 128 * 1024 * 1024;

/** What one policy did in a recorded tick. */
export interface RecordedAnswer {
  /** It is another one than in the tick before, as it was before this tick. */
  readonly started?: PolicyStart;
  /** Is it the one that `started` was said of, in this tick or before? Else the record tells of it later, or never. */
  readonly known: boolean;
  /** Undefined: it gave no answer. Valid until the next tick. */
  readonly wishes: WishColumns | undefined;
}

/** One tick of a record. What it refers to is used again for the next one. */
export interface RecordedTick {
  readonly kind: "tick";
  /** From 0 on. */
  readonly number: number;
  readonly host: HostColumns;
  /** 1 = the task in this row was wished to be held by all policies together. */
  readonly holds: Uint8Array;
  /** The greatest nice value that was wished for it, or `noNice`. */
  readonly nices: Int8Array;
  /** By row of domains: the smallest weight, cap and I/O limit that were wished for it, or `noWeight`, `noCap` and `noIoLimit`. */
  readonly weights: Int32Array;
  readonly caps: Int32Array;
  readonly ioLimits: Float64Array;
  /** By name; policies that were not asked are not in it. */
  readonly answers: ReadonlyMap<string, RecordedAnswer>;
}

/** A failure, in the tick before it. */
export interface RecordedFailure {
  readonly kind: "failure";
  readonly failure: PolicyFailure;
}

/**
 * Reads a record. Trusts nothing in it: whatever the file holds, it throws coded errors only (ERR_RECORD_…), and takes
 * no more memory than a host of the greatest size needs.
 */
export class RecordReader implements AsyncDisposable {
  /** What the reader found that is worth telling. Complete when all items have been read. */
  readonly notices: string[] = [];
  /** How the recording ended; undefined until it is read, and for ever when the record is cut off. */
  end: RecordEnd | undefined;
  readonly host: HostColumns;
  readonly #starts = new Map<string, PolicyStart>();
  /** Incarnation, by policy. */
  #current = new Map<string, number>();
  #wishes = new Map<string, WishColumns>();
  #before: Frame | undefined;
  #ticks = 0;
  /** Columns that the record lacks, of what not every guest or host keeps. */
  readonly #unknownOfTasks: readonly (typeof taskColumns)[number][];
  readonly #unknownOfDomains: readonly (typeof domainColumns)[number][];

  private constructor(
    private readonly file: FileHandle,
    readonly head: RecordHead,
    private readonly blocks: AsyncGenerator<Block>,
    private readonly splitter: BlockSplitter,
  ) {
    this.host = HostColumns.private(head.capacity);
    this.#unknownOfTasks = unknownIn(taskColumns, head.tasks);
    this.#unknownOfDomains = unknownIn(domainColumns, head.domains);
    const unknown = new Set([
      ...this.#unknownOfTasks.map(({ name }) => `tasks/${name}`),
      ...this.#unknownOfDomains.map(({ name }) => `domains/${name}`),
    ]);
    const missing = missingColumns(head).filter((name) => !unknown.has(name));
    if (missing.length > 0) this.notices.push(`the record lacks ${missing.join(", ")}: read as 0`);
  }

  /** Throws ERR_RECORD_UNREADABLE, ERR_RECORD_INVALID or ERR_RECORD_VERSION. */
  static async open(path: string): Promise<RecordReader> {
    const file = await opened(path);
    try {
      const splitter = new BlockSplitter();
      const blocks = blocksOf(file, path, splitter);
      const first = await blocks.next();
      if (first.done || first.value.kind !== blockKinds.head)
        throw new VmmschedError(
          "ERR_RECORD_INVALID",
          `${path} is no record, or is cut off before its first tick`,
        );
      return new RecordReader(
        file,
        parseHead(blockContent(first.value, longestContentBytes)),
        blocks,
        splitter,
      );
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Everything in the record, once. A record that is cut off ends with its last whole tick and a notice; one that is
   * damaged throws ERR_RECORD_INVALID after what is sound.
   */
  async *items(): AsyncGenerator<RecordedTick | RecordedFailure, void, undefined> {
    for await (const block of this.blocks) {
      switch (block.kind) {
        case blockKinds.policy:
          this.#keep(parsePolicyStart(blockContent(block, longestContentBytes)));
          break;
        case blockKinds.tick:
          yield this.#tick(block);
          break;
        case blockKinds.failure:
          yield { kind: "failure", failure: parseFailure(blockContent(block, longestContentBytes)) };
          break;
        case blockKinds.end:
          this.#finish(parseEnd(blockContent(block, longestContentBytes)));
          return;
      }
    }
    const rest = this.splitter.pendingBytes;
    this.notices.push(
      `the record is cut off after ${ticks(this.#ticks)}${rest === 0 ? "" : ` and ${rest} bytes more`}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file.close();
  }

  #keep(start: PolicyStart): void {
    this.#starts.set(startKey(start.policy, start.incarnation ?? 0), start);
    let stateBytes = 0;
    for (const { state } of this.#starts.values())
      if (state.kind !== "unavailable") stateBytes += state.bytes.length;
    if (this.#starts.size > mostPolicyStarts || stateBytes > mostStateBytes)
      throw new VmmschedError(
        "ERR_RECORD_INVALID",
        "the record is damaged: it has policies that are never asked",
      );
  }

  #tick(block: Block): RecordedTick {
    const { head, host } = this;
    const content = blockContent(block, mostFrameBytes(head, head.capacity) + 4 * head.capacity);
    const frame = decodeTick(content, this.#before, head, head.capacity);
    this.#before = frame;
    frame.restore(host);
    for (const column of this.#unknownOfTasks) forget(column.in(host.tasks), host.taskCount);
    for (const column of this.#unknownOfDomains) forget(column.in(host.domains), host.domainCount);
    const answers = new Map<string, RecordedAnswer>();
    const used = new Map<string, WishColumns>();
    const current = new Map<string, number>();
    for (const { name, incarnation, answered } of frame.layout.policies) {
      const wishes = this.#wishes.get(name) ?? privateWishes(head.capacity);
      used.set(name, wishes);
      if (answered) frame.restoreWishes(name, wishes);
      const started = this.#startsNow(startKey(name, incarnation), frame.layout.generation);
      if (started !== undefined) current.set(name, incarnation);
      else if (this.#current.has(name)) current.set(name, this.#current.get(name) ?? 0);
      answers.set(name, {
        ...(started === undefined ? {} : { started }),
        known: current.get(name) === incarnation,
        wishes: answered ? wishes : undefined,
      });
    }
    this.#wishes = used;
    this.#current = current;
    const holds = frame.section("holds") ?? new Uint8Array(host.taskCount);
    const nices = Int8Array.from(frame.section("nices") ?? new Uint8Array(host.taskCount).fill(noNice));
    const weights = new Int32Array(copyOf(frame.section("weights")));
    const caps = new Int32Array(copyOf(frame.section("caps")));
    const ioLimits = new Float64Array(copyOf(frame.section("ioLimits")));
    const inForce = { holds, nices, weights, caps, ioLimits };
    return { kind: "tick", number: this.#ticks++, host, ...inForce, answers };
  }

  /** The start that counts from this tick on. */
  #startsNow(key: string, generation: number): PolicyStart | undefined {
    const start = this.#starts.get(key);
    // Generations wrap around.
    if (start?.afterGeneration !== undefined && ((generation - start.afterGeneration) | 0) <= 0)
      return undefined;
    this.#starts.delete(key);
    return start;
  }

  #finish(end: RecordEnd): void {
    this.end = end;
    if (end.early) this.notices.push(`the recording ended early after ${ticks(this.#ticks)}: ${end.why}`);
    if (this.splitter.pendingBytes > 0)
      this.notices.push("the file has more bytes after the end of the record");
  }
}

/** Room for wishes in memory of this thread alone. */
export function privateWishes(capacity: number): WishColumns {
  return new WishColumns(new ArrayBuffer(WishColumns.bytes(capacity)), capacity);
}

/** Of our columns those that may be unknown, and that the record lacks. */
function unknownIn<Column extends ColumnDescription & { readonly unknown?: true }>(
  ours: readonly Column[],
  recorded: readonly ColumnDescription[],
): readonly Column[] {
  return ours.filter(
    ({ name, unknown }) => unknown === true && !recorded.some((column) => column.name === name),
  );
}

/** NaN is 0 in a column of integers. */
function forget(column: ArrayBufferView, rows: number): void {
  (column as Float64Array | Int32Array | Uint8Array).fill(Number.NaN, 0, rows);
}

/** A section begins anywhere: only a copy is aligned. */
function copyOf(section: Uint8Array | undefined): ArrayBuffer {
  return Uint8Array.from(section ?? []).buffer;
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function* blocksOf(file: FileHandle, path: string, splitter: BlockSplitter): AsyncGenerator<Block> {
  for (;;) {
    const piece = Buffer.allocUnsafe(pieceBytes);
    let length: number;
    try {
      length = (await file.read(piece, 0, pieceBytes)).bytesRead;
    } catch (error) {
      throw unreadable(path, error);
    }
    if (length === 0) return;
    yield* splitter.push(piece.subarray(0, length));
  }
}

function unreadable(path: string, error: unknown): VmmschedError {
  return new VmmschedError(
    "ERR_RECORD_UNREADABLE",
    `the record ${path} cannot be read: ${messageOf(error)}`,
    { file: path },
    { cause: error },
  );
}

function startKey(policy: string, incarnation: number): string {
  return `${policy}/${incarnation}`;
}

function ticks(count: number): string {
  return count === 1 ? "1 tick" : `${count} ticks`;
}
