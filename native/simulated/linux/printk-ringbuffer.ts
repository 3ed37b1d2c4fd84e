import type { PrintkOptions } from "./console.js";
import type { KernelImage } from "./kernel-image.js";
import type { KernelMemory } from "./kernel-memory.js";
import { prbDesc, printkInfo, printkRingbuffer } from "./offsets.js";

/** CONFIG_LOG_BUF_SHIFT of Debian's kernels; a record is taken to need 32 bytes of text (PRB_AVGBITS). */
const sizeBits = 17;
const countBits = sizeBits - 5;
export const logBytes = 2 ** sizeBits;
export const logCount = 2 ** countBits;

/** enum desc_state: the top two bits of prb_desc.state_var. */
const states = { reserved: 0n, committed: 1n, finalized: 2n, reusable: 3n } as const;
const stateShift = 62n;
const idMask = 2n ** stateShift - 1n;
const size = BigInt(logBytes);
const count = BigInt(logCount);
/** FAILED_LPOS: there is no block of text. */
const noBlock = 1n;
const idBytes = 8;
const longestLineBytes = 992;

/** The kernel's log (kernel/printk/printk_ringbuffer.c): descriptors, what is told of each record, and blocks of text, all in RAM. */
export class PrintkRingbuffer {
  readonly #ring: number;
  readonly #descs: number;
  readonly #infos: number;
  readonly #data: number;

  /** Makes an empty one: the newest record is the last of a lap that never was. */
  constructor(
    private readonly memory: KernelMemory,
    image: KernelImage,
  ) {
    this.#ring = image.address("printk_rb_static");
    this.#descs = image.address("_printk_rb_static_descs");
    this.#infos = image.address("_printk_rb_static_infos");
    this.#data = image.address("__log_buf");
    memory.w64(image.address("prb"), 0, this.#ring);
    memory.w32(this.#ring, printkRingbuffer.count_bits, countBits);
    memory.w64(this.#ring, printkRingbuffer.descs, this.#descs);
    memory.w64(this.#ring, printkRingbuffer.infos, this.#infos);
    memory.w32(this.#ring, printkRingbuffer.size_bits, sizeBits);
    memory.w64(this.#ring, printkRingbuffer.data, this.#data);
    const first = -(count + 1n) & idMask;
    for (const offset of [printkRingbuffer.head_id, printkRingbuffer.tail_id])
      this.#set(this.#ring, offset, first);
    for (const offset of [printkRingbuffer.head_lpos, printkRingbuffer.tail_lpos])
      this.#set(this.#ring, offset, -size);
    this.#setState(first, states.reusable);
    this.#set(this.#desc(first), prbDesc.begin, noBlock);
    this.#set(this.#desc(first), prbDesc.next, noBlock);
    this.#set(this.#infos, printkInfo.seq, -count);
  }

  /** prb_reserve and prb_commit. What there is no room for is counted, and lost. */
  store(
    message: string,
    nowNs: number,
    { facility = 0, level = 6, state = "finalized" }: PrintkOptions,
  ): void {
    const text = Buffer.from(message, "latin1").subarray(0, longestLineBytes);
    const id = (this.#get(this.#ring, printkRingbuffer.head_id) + 1n) & idMask;
    if (this.#get(this.#ring, printkRingbuffer.tail_id) === ((id - count) & idMask) && !this.#pushTail()) {
      const failed = this.#get(this.#ring, printkRingbuffer.fail);
      this.#set(this.#ring, printkRingbuffer.fail, failed + 1n);
      return;
    }
    this.#set(this.#ring, printkRingbuffer.head_id, id);
    this.#setState(id, states.reserved);
    const [desc, info] = [this.#desc(id), this.#infos + this.#index(id) * printkInfo.size];
    const seq = this.#get(info, printkInfo.seq);
    const isNew = seq === 0n && this.#index(id) !== 0;
    this.memory.zero(info, printkInfo.size);
    this.#set(info, printkInfo.seq, isNew ? BigInt(this.#index(id)) : seq + count);
    this.#makeFinal((id - 1n) & idMask);
    const block = this.#allocate(id, text.length);
    this.#set(desc, prbDesc.begin, block?.begin ?? noBlock);
    this.#set(desc, prbDesc.next, block?.next ?? noBlock);
    if (block !== undefined) this.memory.write(block.at, idBytes, text);
    this.memory.w64(info, printkInfo.ts_nsec, nowNs);
    this.memory.w32(
      info,
      printkInfo.text_len,
      ((block === undefined ? 0 : text.length) | (facility << 16) | (level << 29)) >>> 0,
    );
    if (state === "reserved") return;
    this.#setState(id, states[state]);
    if (state === "finalized") this.#set(this.#ring, printkRingbuffer.last_finalized_id, id);
  }

  /** desc_push_tail: makes room for one more record. False while the oldest is being written. */
  #pushTail(): boolean {
    const id = this.#get(this.#ring, printkRingbuffer.tail_id);
    if (!this.#makeReusable(id)) return false;
    const next = this.#get(this.#desc(id), prbDesc.next);
    if ((next & 1n) === 0n && !this.#pushDataTail(next)) return false;
    this.#set(this.#ring, printkRingbuffer.tail_id, (id + 1n) & idMask);
    return true;
  }

  /** data_push_tail: the records of all text before this position lose it. */
  #pushDataTail(position: bigint): boolean {
    for (;;) {
      const tail = this.#get(this.#ring, printkRingbuffer.tail_lpos);
      const behind = BigInt.asUintN(64, position - tail);
      if (behind === 0n || behind > size) return true;
      const id = this.#get(this.#data, this.#place(tail));
      if (!this.#makeReusable(id)) return false;
      this.#set(this.#ring, printkRingbuffer.tail_lpos, this.#get(this.#desc(id), prbDesc.next));
    }
  }

  /** data_alloc: a block that would go beyond the ring's end lies at its beginning; its id stands in both places. */
  #allocate(id: bigint, length: number): { begin: bigint; next: bigint; at: number } | undefined {
    const bytes = BigInt(Math.ceil((length + idBytes) / 8) * 8);
    const begin = this.#get(this.#ring, printkRingbuffer.head_lpos);
    const end = BigInt.asUintN(64, begin + bytes);
    const wraps = begin / size !== end / size;
    const next = wraps ? end - (end % size) + bytes : end;
    if (!this.#pushDataTail(BigInt.asUintN(64, next - size))) return undefined;
    this.#set(this.#ring, printkRingbuffer.head_lpos, next);
    this.#set(this.#data, this.#place(begin), id);
    if (wraps) this.#set(this.#data, 0, id);
    return { begin, next, at: this.#data + (wraps ? 0 : this.#place(begin)) };
  }

  #makeFinal(id: bigint): void {
    if (this.#state(id) === states.committed) this.#setState(id, states.finalized);
  }

  #makeReusable(id: bigint): boolean {
    const state = this.#state(id);
    if (state === states.finalized) this.#setState(id, states.reusable);
    return state === states.finalized || state === states.reusable;
  }

  #state(id: bigint): bigint | undefined {
    const value = this.#get(this.#desc(id), prbDesc.state_var);
    return (value & idMask) === id ? value >> stateShift : undefined;
  }

  #setState(id: bigint, state: bigint): void {
    this.#set(this.#desc(id), prbDesc.state_var, (state << stateShift) | id);
  }

  #index(id: bigint): number {
    return Number(id % count);
  }

  #desc(id: bigint): number {
    return this.#descs + this.#index(id) * prbDesc.size;
  }

  #place(position: bigint): number {
    return Number(position % size);
  }

  #get(va: number, offset: number): bigint {
    return (BigInt(this.memory.u32(va, offset + 4)) << 32n) | BigInt(this.memory.u32(va, offset));
  }

  #set(va: number, offset: number, value: bigint): void {
    this.memory.w32(va, offset, Number(value & 0xffffffffn));
    this.memory.w32(va, offset + 4, Number((value >> 32n) & 0xffffffffn));
  }
}
