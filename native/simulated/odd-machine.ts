import type { Frame } from "../../core/memory/address.js";
import { vaFromBigInt } from "../../core/memory/address.js";
import { fourLevelPaging } from "../../core/memory/paging.js";
import { PageAllocator } from "./linux/page-allocator.js";
import { PageTables } from "./linux/page-tables.js";
import { Random } from "./linux/random.js";
import type { Ram } from "./ram.js";
import type { Machine } from "./simulated-domain.js";

const kernelVa = vaFromBigInt(0xffffffff80000000n);
const tickNs = 1e7;

/**
 * A guest with an operating system that nobody knows: valid page tables, a kernel's worth of memory mapped where Linux
 * would be, and nothing in it but noise. It computes for half of the time.
 */
export class OddMachine implements Machine {
  readonly paging = fourLevelPaging;
  #ended = false;
  readonly #root: Frame;

  constructor(ram: Ram, pv: boolean, seed: number) {
    const random = new Random(seed);
    for (let i = 0; i < ram.words.length; i++) ram.words[i] = random.next() * 2 ** 32;
    const allocator = new PageAllocator(ram, 256, random);
    const tables = new PageTables(ram, this.paging, allocator, pv);
    const root = tables.newRoot();
    for (let i = 0; i < 2048; i++) tables.map(root, kernelVa + i * 4096, i % 256);
    this.#root = ram.frame(root);
  }

  get ended(): boolean {
    return this.#ended;
  }

  crash(): void {
    this.#ended = true;
  }

  run(_vcpu: number, fromNs: number, toNs: number): number {
    const tick = Math.floor(fromNs / tickNs);
    const haltsNs = tick * tickNs + tickNs / 2;
    if (haltsNs >= toNs) return toNs;
    this.#nextRunNs = (tick + 1) * tickNs;
    return Math.max(fromNs, haltsNs);
  }

  wakesAtNs(): number {
    return this.#nextRunNs;
  }

  #nextRunNs = 0;

  stopSomewhere(): void {
    // It holds no locks that anybody knows of.
  }

  registers(): { root: Frame; userMode: boolean; rip: number; gsBase: number } {
    return { root: this.#root, userMode: false, rip: kernelVa + 0x1000, gsBase: 0 };
  }

  interrupt(): void {
    // Unknown vectors are ignored.
  }

  openEventPort(): void {
    // It uses no event channels.
  }

  notifyEventPort(): void {
    // It uses no event channels.
  }
}
