import { isKernelObject, StructCursor, vaOffset, type GuestVa } from "vmmsched/plugin-api";
import { desc_reserved, desc_reusable, LOG_KERN } from "./constants.js";
import type { LinuxFacts, LogRecordBytes } from "./facts.js";

/** Records that are looked at in one call, whatever the guest says there is. */
const mostRecords = 48;
/** Of a line; what is of interest stands at its beginning. */
const mostLineBytes = 256;
/** A record that is still being written when it is looked at this often is passed over. */
const mostLooks = 8;
/** log_buf_len is at most 2 GiB, of which a record is taken to need 32 bytes (PRB_AVGBITS). */
const mostCountBits = 26;
const mostSizeBits = 31;
/** struct prb_data_block: the id of its record stands before the text. */
const blockIdBytes = 8;

/** `text` is Latin-1, without the time; undefined: nothing to be read, for good or (`again`) until it is written. */
interface Record {
  readonly text?: string;
  readonly again?: boolean;
}
const nothing: Record = {};
const unfinished: Record = { again: true };

/**
 * The kernel's log: the ring of records that `prb` points to (kernel/printk/printk_ringbuffer.c, from 5.10 on). A record is a
 * descriptor, whose id says where in the ring it belongs and whose state_var has that id with the record's state on top; a printk_info; and a block of
 * text, which begins with the id. Nothing locks it: as the kernel's own readers do, a record is read between two looks at its
 * state_var, and what has changed meanwhile is not taken. Ids are compared by their low words.
 */
export class KernelLog {
  readonly #ring: StructCursor;
  readonly #desc: StructCursor;
  readonly #info: StructCursor;
  readonly #line = Buffer.alloc(mostLineBytes);
  /** Low word of the id that is looked at next; undefined before the first look. */
  #next: number | undefined;
  #looks = 0;

  private constructor(
    private readonly facts: LinuxFacts,
    private readonly bytes: LogRecordBytes,
    ring: GuestVa,
    private readonly descs: GuestVa,
    private readonly infos: GuestVa,
    private readonly data: GuestVa,
    private readonly countBits: number,
    private readonly sizeBits: number,
  ) {
    this.#ring = new StructCursor(facts.space);
    this.#desc = new StructCursor(facts.space);
    this.#info = new StructCursor(facts.space);
    this.#ring.address = ring;
  }

  /** Finds the ring; in words why it cannot be read. The kernel makes it while it boots, and never moves it again. */
  static open(facts: LinuxFacts): KernelLog | string {
    const { space, symbols, logRecord } = facts;
    const { logRing, logDesc, logInfo } = facts.layout;
    const symbol = symbols.get("prb");
    if (symbol === undefined) return "the kernel has no symbol prb";
    if (logRecord === undefined) return "the size of its records is not known";
    for (const [name, offset] of Object.entries({ ...logRing, ...logDesc, ...logInfo }))
      if (Number.isNaN(offset)) return `the kernel's types have no ${name}`;
    const ring = space.pointer(symbol, 0);
    if (!isKernelObject(ring)) return "prb points to nothing";
    const [descs, infos, data] = [
      space.pointer(ring, logRing.descs),
      space.pointer(ring, logRing.infos),
      space.pointer(ring, logRing.data),
    ];
    const countBits = space.u32(ring, logRing.countBits);
    const sizeBits = space.u32(ring, logRing.sizeBits);
    const isSane = countBits > 0 && countBits <= mostCountBits && sizeBits >= 3 && sizeBits <= mostSizeBits;
    if (!isSane || ![descs, infos, data].every(isKernelObject)) return "prb points to something else";
    return new KernelLog(facts, logRecord, ring, descs, infos, data, countBits, sizeBits);
  }

  /**
   * What the kernel itself has logged since the last call, at most {@link mostRecords} lines; what is left comes with the next calls.
   * Nothing at the first call. What was overwritten meanwhile is passed over.
   */
  readNew(visit: (line: string) => void): void {
    const head = this.#ring.i32(this.facts.layout.logRing.headId);
    this.#next ??= (head + 1) | 0;
    if (this.#next === ((head + 1) | 0)) return;
    // Ahead of us by more than there are, or behind us: the oldest that there may still be.
    if ((head - this.#next) >>> 0 >= 2 ** this.countBits) this.#next = (head - 2 ** this.countBits + 1) | 0;
    for (let i = 0; i < mostRecords && this.#next !== ((head + 1) | 0); i++) {
      const { text, again = false } = this.#read(this.#next);
      if (again && ++this.#looks < mostLooks) return;
      this.#looks = 0;
      this.#next = (this.#next + 1) | 0;
      if (text !== undefined) visit(text);
    }
  }

  /** The newest lines of the kernel itself, the oldest first; at most {@link mostRecords}. */
  newest(): readonly string[] {
    const head = this.#ring.i32(this.facts.layout.logRing.headId);
    const count = Math.min(mostRecords, 2 ** this.countBits);
    return Array.from({ length: count }, (_, i) => this.#read((head - count + 1 + i) | 0).text).filter(
      (text) => text !== undefined,
    );
  }

  #read(id: number): Record {
    const { logDesc, logInfo } = this.facts.layout;
    const index = id & (2 ** this.countBits - 1);
    this.#desc.address = vaOffset(this.descs, index * this.bytes.desc);
    this.#info.address = vaOffset(this.infos, index * this.bytes.info);
    const high = this.#desc.i32(logDesc.stateVar + 4);
    // Another id: not reserved yet, or used again by now.
    if (this.#desc.i32(logDesc.stateVar) !== id || high >>> 30 === desc_reserved) return unfinished;
    if (high >>> 30 === desc_reusable || this.#info.u8(logInfo.facility) !== LOG_KERN) return nothing;
    if ((this.#info.i32(logInfo.seq) & (2 ** this.countBits - 1)) !== index) return nothing;
    const text = this.#text(
      id,
      this.#desc.i32(logDesc.textBegin),
      this.#desc.i32(logDesc.textNext),
      this.#info.u8(logInfo.textLength) + 256 * this.#info.u8(logInfo.textLength + 1),
    );
    const isStill =
      this.#desc.i32(logDesc.stateVar) === id && this.#desc.i32(logDesc.stateVar + 4) >>> 30 === high >>> 30;
    return text === undefined || !isStill ? nothing : { text };
  }

  /** Text of the block from `begin` to `next`, positions in a ring that is laid end to end (their low words). */
  #text(id: number, begin: number, next: number, length: number): string | undefined {
    // No block at all has odd positions.
    if (((begin | next) & 7) !== 0) return undefined;
    const mask = 2 ** this.sizeBits - 1;
    const laps = ((next >>> this.sizeBits) - (begin >>> this.sizeBits)) & (2 ** (32 - this.sizeBits) - 1);
    const [from, to] = [begin & mask, next & mask];
    let [at, bytes] = [from, to - from];
    // From 6.19 on a block may end where the ring does; one that would go beyond lies at the ring's beginning.
    if (laps === 1) [at, bytes] = to === 0 ? [from, 2 ** this.sizeBits - from] : [0, to];
    else if (laps !== 0) return undefined;
    if (bytes < blockIdBytes) return undefined;
    const { space } = this.facts;
    const block = vaOffset(this.data, at);
    if (space.i32(block, 0) !== id) return undefined;
    const line = this.#line.subarray(0, Math.min(length, bytes - blockIdBytes, mostLineBytes));
    space.read(block, blockIdBytes, line);
    return line.toString("latin1");
  }
}
