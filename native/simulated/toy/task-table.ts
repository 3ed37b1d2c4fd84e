import { pageBytes, vaFromBigInt, type GuestVa } from "../../../core/memory/address.js";
import type { PageAllocator } from "../linux/page-allocator.js";
import type { PageTables } from "../linux/page-tables.js";
import type { Ram } from "../ram.js";
import type { TaskRecord } from "./structures.js";

const tableVa = vaFromBigInt(0xffffc00000100000n);

/** The toy's task records in its RAM: consecutive addresses, scattered pages. */
export class TaskTable {
  readonly va: GuestVa = tableVa;
  readonly #pages: readonly number[];

  constructor(
    private readonly ram: Ram,
    readonly record: TaskRecord,
    readonly capacity: number,
    memory: { readonly allocator: PageAllocator; readonly tables: PageTables; readonly root: number },
  ) {
    const count = Math.ceil((capacity * record.bytes) / pageBytes);
    this.#pages = Array.from({ length: count }, (_, page) => {
      const pfn = memory.allocator.zeroedPage();
      memory.tables.map(memory.root, tableVa + page * pageBytes, pfn);
      return pfn;
    });
  }

  get(slot: number, offset: number): number {
    return this.ram.words[this.#word(slot, offset)] ?? 0;
  }

  set(slot: number, offset: number, value: number): void {
    this.ram.words[this.#word(slot, offset)] = value;
  }

  get64(slot: number, offset: number): number {
    return this.get(slot, offset + 4) * 2 ** 32 + this.get(slot, offset);
  }

  set64(slot: number, offset: number, value: number): void {
    this.set(slot, offset, value % 2 ** 32);
    this.set(slot, offset + 4, Math.floor(value / 2 ** 32));
  }

  /** Empties a record. */
  clear(slot: number): void {
    for (let offset = 0; offset < this.record.bytes; offset += 4) this.set(slot, offset, 0);
  }

  /** Index of a 32-bit word in RAM; no word lies across two pages. */
  #word(slot: number, offset: number): number {
    const at = slot * this.record.bytes + offset;
    return ((this.#pages[Math.floor(at / pageBytes)] ?? 0) * pageBytes + (at % pageBytes)) / 4;
  }
}
