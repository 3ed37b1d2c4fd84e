import { formatVa } from "../../../core/memory/address.js";
import { BugCheck } from "./bug-check.js";
import type { KernelMemory } from "./kernel-memory.js";

const Flink = 0;
const Blink = 8;

/** LIST_ENTRY in guest RAM, named and checked as wdm.h does. */
export class Lists {
  constructor(private readonly memory: KernelMemory) {}

  InitializeListHead(head: number): void {
    this.memory.w64(head, Flink, head);
    this.memory.w64(head, Blink, head);
  }

  flink(entry: number): number {
    return this.memory.s64(entry, Flink);
  }

  blink(entry: number): number {
    return this.memory.s64(entry, Blink);
  }

  isEmpty(head: number): boolean {
    return this.flink(head) === head;
  }

  InsertTailList(head: number, entry: number): void {
    const last = this.blink(head);
    if (this.flink(last) !== head) throw broken(head, "InsertTailList");
    this.#link(last, entry, head);
  }

  InsertHeadList(head: number, entry: number): void {
    const first = this.flink(head);
    if (this.blink(first) !== head) throw broken(head, "InsertHeadList");
    this.#link(head, entry, first);
  }

  /** Leaves the entry's own pointers as they were; true when the list is empty now. */
  RemoveEntryList(entry: number): boolean {
    const next = this.flink(entry);
    const previous = this.blink(entry);
    if (this.blink(next) !== entry || this.flink(previous) !== entry) throw broken(entry, "RemoveEntryList");
    this.memory.w64(previous, Flink, next);
    this.memory.w64(next, Blink, previous);
    return next === previous;
  }

  /** The entries behind `head`, checked in both directions; stops at `limit`. */
  entries(head: number, limit = 4096): number[] {
    const found: number[] = [];
    for (let at = head, next = this.flink(head); next !== head; at = next, next = this.flink(next)) {
      if (this.blink(next) !== at || found.length >= limit) throw broken(next, "a walk");
      found.push(next);
    }
    if (this.blink(head) !== (found.at(-1) ?? head)) throw broken(head, "a walk");
    return found;
  }

  #link(previous: number, entry: number, next: number): void {
    this.memory.w64(entry, Flink, next);
    this.memory.w64(entry, Blink, previous);
    this.memory.w64(next, Blink, entry);
    this.memory.w64(previous, Flink, entry);
  }
}

/** Parameter 3 of this stop code: a LIST_ENTRY has been corrupted. */
function broken(entry: number, where: string): BugCheck {
  return new BugCheck(
    "KERNEL_SECURITY_CHECK_FAILURE",
    `3: the neighbours of the list entry ${formatVa(entry)} do not point to it (${where})`,
  );
}
