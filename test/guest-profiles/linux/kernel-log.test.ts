import assert from "node:assert/strict";
import { Random } from "../../../core/testing/random.js";
import type { LinuxFacts } from "../../../guest-profiles/linux/facts.js";
import { KernelLog } from "../../../guest-profiles/linux/kernel-log.js";
import { resolveLayout } from "../../../guest-profiles/linux/layout.js";
import { Btf } from "../../../guest-profiles/linux/btf.js";
import type { Frame, GuestVa } from "../../../core/memory/address.js";
import { AddressSpace } from "../../../core/memory/address-space.js";
import type { PhysicalMemory } from "../../../core/memory/physical-memory.js";
import { btfImage } from "../../../native/simulated/linux/btf-image.js";
import { prbDesc, printkInfo, printkRingbuffer } from "../../../native/simulated/linux/offsets.js";
import { logBytes, logCount } from "../../../native/simulated/linux/printk-ringbuffer.js";
import { GuestView, hostWithGuest } from "../../native/simulated/guest-view.js";

const { layout } = resolveLayout(new Btf(btfImage()));

/** More words than this no look may read. */
const mostReads = 48 * 64;

/** A guest's log, written by its kernel and read from outside. */
class ReadLog implements Disposable {
  readonly view = new GuestView(hostWithGuest("pvh", {}), "guest");
  readonly ring = this.view.symbol("printk_rb_static");
  readonly log: KernelLog;
  /** Of guest memory, since the last look began. */
  reads = 0;
  readonly #space: AddressSpace;

  constructor() {
    const { memory, paging, root } = this.view.space;
    const counted: PhysicalMemory = {
      i32: (frame: Frame, offset: number) => {
        this.reads++;
        return memory.i32(frame, offset);
      },
      read: (frame, offset, into) => {
        this.reads++;
        memory.read(frame, offset, into);
      },
      readFrames: (frames, into) => memory.readFrames(frames, into),
    };
    this.#space = new AddressSpace(counted, paging, root);
    const log = KernelLog.open(this.facts());
    assert.ok(typeof log !== "string");
    this.log = log;
  }

  facts(changes: Partial<LinuxFacts> = {}): LinuxFacts {
    const facts = {
      space: this.#space,
      symbols: new Map([["prb", this.view.symbol("prb")]]),
      layout,
      logRecord: { desc: prbDesc.size, info: printkInfo.size },
    };
    return { ...(facts as unknown as LinuxFacts), ...changes };
  }

  /** All that calls give until one gives nothing. */
  read(): readonly string[] {
    const lines: string[] = [];
    for (let more = this.once(); more.length > 0; more = this.once()) lines.push(...more);
    return lines;
  }

  once(): readonly string[] {
    const lines: string[] = [];
    this.#space.flush();
    this.reads = 0;
    this.log.readNew((line) => lines.push(line));
    assert.ok(this.reads < mostReads, `${String(this.reads)} reads`);
    return lines;
  }

  printk(...lines: readonly string[]): void {
    for (const line of lines) this.view.guest.printk(line);
  }

  write64(va: number, offset: number, value: number): void {
    using paused = this.view.domain.pause();
    this.view.write64(paused, va as GuestVa, offset, value);
  }

  write32(va: number, offset: number, value: number): void {
    using paused = this.view.domain.pause();
    this.view.write32(paused, va as GuestVa, offset, value >>> 0);
  }

  /** The descriptor of the newest record, and what is told of it. */
  newest(): { readonly desc: number; readonly info: number } {
    const index = this.view.space.u32(this.ring, printkRingbuffer.head_id) % logCount;
    return {
      desc: this.view.symbol("_printk_rb_static_descs") + index * prbDesc.size,
      info: this.view.symbol("_printk_rb_static_infos") + index * printkInfo.size,
    };
  }

  [Symbol.dispose](): void {
    this.view[Symbol.dispose]();
  }
}

describe("the log of a Linux kernel", () => {
  let reader: ReadLog;
  beforeEach(() => {
    reader = new ReadLog();
  });
  afterEach(() => {
    reader[Symbol.dispose]();
  });

  it("tells what comes after the first look, each line once", () => {
    assert.deepEqual(reader.read(), []);
    reader.printk("one", "", "three, whose length is no multiple of eight");
    assert.deepEqual(reader.read(), ["one", "", "three, whose length is no multiple of eight"]);
    assert.deepEqual(reader.read(), []);
    assert.match(reader.log.newest()[0] ?? "", /^Linux version 6\.1/);
  });

  it("reads one word while nothing comes", () => {
    reader.read();
    reader.once();
    // The page tables on the way to it, too.
    assert.ok(reader.reads <= 16, `${String(reader.reads)} reads`);
  });

  it("reads text that ends where the ring does, as newer kernels store it", () => {
    reader.read();
    reader.printk("to be moved");
    const { desc } = reader.newest();
    const id = reader.view.space.u32(desc as GuestVa, prbDesc.state_var);
    const at = logBytes - 24;
    reader.write64(desc, prbDesc.begin, -2 * logBytes + at);
    reader.write64(desc, prbDesc.next, -logBytes);
    const { memory } = reader.view.guest.kernel;
    memory.w32(reader.view.symbol("__log_buf"), at, id);
    memory.write(reader.view.symbol("__log_buf"), at + 8, Buffer.from("at the end."));
    assert.deepEqual(reader.read(), ["at the end."]);
  });

  it("leaves out what others than the kernel write into it", () => {
    reader.read();
    reader.view.guest.printk("BUG: by a user", { facility: 1 });
    reader.printk("by the kernel");
    assert.deepEqual(reader.read(), ["by the kernel"]);
  });

  it("goes on through many laps of records and of text, however long lines are", () => {
    reader.read();
    const random = new Random(61);
    let told = 0;
    for (let line = 0; line < 3 * logCount;) {
      const burst = Array.from(
        { length: 1 + random.below(40) },
        (_, i) => `${String(line + i)} ${"x".repeat(random.below(230))}`,
      );
      reader.printk(...burst);
      line += burst.length;
      assert.deepEqual(reader.once(), burst);
      told += burst.reduce((sum, { length }) => sum + length, 0);
    }
    assert.ok(told > 5 * logBytes);
  });

  it("reads a bounded number at a time, and goes on with what is left", () => {
    reader.read();
    const lines = Array.from({ length: 200 }, (_, i) => `line ${String(i)}`);
    reader.printk(...lines);
    const first = reader.once();
    assert.ok(first.length > 0 && first.length < 64);
    assert.deepEqual([...first, ...reader.read()], lines);
  });

  it("goes on with the oldest that is left, when it was overtaken", () => {
    reader.read();
    const lines = Array.from({ length: 2 * logCount }, (_, i) => `line ${String(i)}`);
    reader.printk(...lines);
    const read: string[] = [];
    for (let i = 0; i < logCount; i++) read.push(...reader.once());
    assert.ok(read.length > logCount / 2 && read.length <= logCount);
    assert.deepEqual(read, lines.slice(-read.length));
  });

  it("waits for a line that is being written, and does not wait for ever", () => {
    reader.read();
    reader.view.guest.printk("never finished", { state: "reserved" });
    reader.printk("behind it");
    assert.deepEqual(reader.once(), []);
    assert.deepEqual(Array.from({ length: 10 }, () => reader.once()).flat(), ["behind it"]);
  });

  it("takes a line that its writer may still go on with", () => {
    reader.read();
    reader.view.guest.printk("so far", { state: "committed" });
    assert.deepEqual(reader.read(), ["so far"]);
  });

  const spoiled: readonly (readonly [string, (at: { desc: number; info: number }) => void])[] = [
    ["another id", ({ desc }) => reader.write32(desc, prbDesc.state_var, 12345)],
    ["a block whose text is gone", ({ desc }) => reader.write32(desc, prbDesc.state_var + 4, 0xffffffff)],
    ["a block that begins elsewhere", ({ desc }) => reader.write64(desc, prbDesc.begin, 4096)],
    ["a block that ends before it begins", ({ desc }) => reader.write64(desc, prbDesc.next, 8)],
    ["a block laps away", ({ desc }) => reader.write64(desc, prbDesc.next, -5 * logBytes)],
    ["a block at an odd place", ({ desc }) => reader.write64(desc, prbDesc.begin, -logBytes + 3)],
    ["no block", ({ desc }) => reader.write64(desc, prbDesc.begin, 1)],
    ["another number", ({ info }) => reader.write64(info, printkInfo.seq, 77)],
  ];
  for (const [what, spoil] of spoiled)
    it(`passes over a record with ${what}, and tells those around it`, () => {
      reader.read();
      reader.printk("before", "spoiled");
      spoil(reader.newest());
      reader.printk("after");
      const lines = Array.from({ length: 20 }, () => reader.once()).flat();
      assert.deepEqual(lines, ["before", "after"]);
    });

  it("tells no more of a line than its block has, whatever its length is said to be", () => {
    reader.read();
    reader.printk("short");
    reader.write32(reader.newest().info, printkInfo.text_len, 0xffff);
    const [line = ""] = reader.read();
    assert.equal(line.replace(/\0*$/, ""), "short");
    assert.equal(line.length, 8);
  });

  it("reads a bounded number when ids run ahead, backwards and at random", () => {
    reader.read();
    reader.printk(...Array.from({ length: logCount }, (_, i) => `line ${String(i)}`));
    const random = new Random(7);
    for (let i = 0; i < 300; i++) {
      reader.write32(reader.ring, printkRingbuffer.head_id, random.below(2 ** 32));
      // What it reads is bounded, and counted there.
      reader.once();
    }
  });

  it("ends without harm in a ring full of rubbish", () => {
    reader.read();
    const random = new Random(8);
    const { memory } = reader.view.guest.kernel;
    for (const name of ["_printk_rb_static_descs", "_printk_rb_static_infos", "__log_buf"])
      for (let word = 0; word < logBytes / 4; word += 1 + random.below(3))
        memory.w32(reader.view.symbol(name), 4 * word, random.below(2 ** 32));
    for (let i = 0; i < 100; i++) {
      reader.write32(reader.ring, printkRingbuffer.head_id, random.below(2 ** 32));
      // What it reads is bounded, and counted there.
      reader.once();
    }
  });

  const unusable: readonly (readonly [string, RegExp, () => LinuxFacts])[] = [
    ["no symbol", /no symbol prb/, () => reader.facts({ symbols: new Map() })],
    ["no sizes", /size of its records/, () => reader.facts({ logRecord: undefined })],
    [
      "no member",
      /no headId/,
      () =>
        reader.facts({
          layout: { ...layout, logRing: { ...layout.logRing, headId: Number.NaN } },
        }),
    ],
    [
      "a pointer to nothing",
      /points to nothing/,
      () => {
        reader.write64(reader.view.symbol("prb"), 0, 0);
        return reader.facts();
      },
    ],
    [
      "sizes that no ring has",
      /something else/,
      () => {
        reader.write32(reader.ring, printkRingbuffer.count_bits, 60);
        return reader.facts();
      },
    ],
  ];
  for (const [what, why, facts] of unusable)
    it(`cannot be read with ${what}, and says so`, () => {
      const log = KernelLog.open(facts());
      assert.match(typeof log === "string" ? log : "it can be read", why);
    });
});
