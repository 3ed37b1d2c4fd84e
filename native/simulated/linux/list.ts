import { formatVa } from "../../../core/memory/address.js";
import type { KernelMemory } from "./kernel-memory.js";

const nextAt = 0;
const prevAt = 8;
/** LIST_POISON1 and LIST_POISON2 (include/linux/poison.h) as two words each: no double holds them. */
const poisonHigh = 0xdead0000;
const poison1Low = 0x100;
const poison2Low = 0x122;

/** Says what is wrong with a list, in the words of lib/list_debug.c. */
export type Complain = (message: string) => void;

/** `struct list_head` in guest RAM, with the checks of CONFIG_DEBUG_LIST (Debian has it). */
export class Lists {
  constructor(
    private readonly memory: KernelMemory,
    private readonly complain: Complain,
  ) {}

  init(head: number): void {
    this.memory.w64(head, nextAt, head);
    this.memory.w64(head, prevAt, head);
  }

  next(node: number): number {
    return this.memory.s64(node, nextAt);
  }

  empty(head: number): boolean {
    return this.next(head) === head;
  }

  addTail(node: number, head: number): void {
    this.#insert(node, this.memory.s64(head, prevAt), head);
  }

  add(node: number, head: number): void {
    this.#insert(node, head, this.next(head));
  }

  /** list_del: a broken neighbour leaves the list as it is, after the complaint. */
  del(node: number): void {
    const next = this.memory.s64(node, nextAt);
    const prev = this.memory.s64(node, prevAt);
    if (
      this.memory.u32(node, nextAt + 4) === poisonHigh ||
      this.memory.u32(node, prevAt + 4) === poisonHigh
    ) {
      this.complain(`list_del corruption, ${hex(node)}->next is LIST_POISON1 (dead000000000100)`);
      return;
    }
    const back = this.memory.s64(prev, nextAt);
    if (back !== node) {
      this.complain(`list_del corruption. prev->next should be ${hex(node)}, but was ${hex(back)}`);
      return;
    }
    const forth = this.memory.s64(next, prevAt);
    if (forth !== node) {
      this.complain(`list_del corruption. next->prev should be ${hex(node)}, but was ${hex(forth)}`);
      return;
    }
    this.memory.w64(next, prevAt, prev);
    this.memory.w64(prev, nextAt, next);
    this.memory.w32(node, nextAt, poison1Low);
    this.memory.w32(node, nextAt + 4, poisonHigh);
    this.memory.w32(node, prevAt, poison2Low);
    this.memory.w32(node, prevAt + 4, poisonHigh);
  }

  #insert(node: number, prev: number, next: number): void {
    const back = this.memory.s64(next, prevAt);
    if (back !== prev) {
      this.complain(`list_add corruption. next->prev should be prev (${hex(prev)}), but was ${hex(back)}`);
      return;
    }
    const forth = this.memory.s64(prev, nextAt);
    if (forth !== next) {
      this.complain(`list_add corruption. prev->next should be next (${hex(next)}), but was ${hex(forth)}`);
      return;
    }
    this.memory.w64(next, prevAt, node);
    this.memory.w64(node, nextAt, next);
    this.memory.w64(node, prevAt, prev);
    this.memory.w64(prev, nextAt, node);
  }
}

function hex(va: number): string {
  return formatVa(va).slice(2);
}
