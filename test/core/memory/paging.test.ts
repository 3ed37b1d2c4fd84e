import assert from "node:assert/strict";
import fc from "fast-check";
import { isVmmschedError } from "../../../core/errors.js";
import {
  fiveLevelPaging,
  fourLevelPaging,
  presentPages,
  tableIndex,
  walk,
} from "../../../core/memory/paging.js";
import type { PhysicalMemory } from "../../../core/memory/physical-memory.js";
import { Machine } from "./machine.js";

const signed = (address: bigint) => Number(BigInt.asIntN(64, address));

describe("the page-table walker", () => {
  const kernel4 = 0xffff888123456000n;
  const kernel5 = 0xff11000123456000n;
  const cases = [
    { name: "4 levels, 4 KiB", mode: fourLevelPaging, va: kernel4, page: 4096 },
    { name: "4 levels, 2 MiB", mode: fourLevelPaging, va: kernel4, page: 0x200000 },
    { name: "4 levels, 1 GiB", mode: fourLevelPaging, va: kernel4, page: 0x40000000 },
    { name: "5 levels, 4 KiB", mode: fiveLevelPaging, va: kernel5, page: 4096 },
    { name: "5 levels, 2 MiB", mode: fiveLevelPaging, va: kernel5, page: 0x200000 },
    { name: "5 levels, 1 GiB", mode: fiveLevelPaging, va: kernel5, page: 0x40000000 },
    { name: "the kernel image", mode: fourLevelPaging, va: 0xffffffff82a1a000n, page: 4096 },
    { name: "a user address", mode: fourLevelPaging, va: 0x7f0012345000n, page: 4096 },
  ] as const;
  for (const { name, mode, va, page } of cases) {
    it(`finds the frame of an address: ${name}`, () => {
      const machine = new Machine(mode);
      const base = 0x2340000;
      machine.map(va & ~BigInt(page - 1), base, page);
      const expected = base + Number((va & BigInt(page - 1)) >> 12n);
      assert.equal(walk(machine, mode, machine.root, signed(va)), expected);
      assert.equal(walk(machine, mode, machine.root, signed(va + 0xff8n)), expected);
    });
  }

  it("leaves out PAT, which large entries keep in bit 12", () => {
    const machine = new Machine(fourLevelPaging);
    machine.map(kernel4 & ~0x1fffffn, 0x4000, 0x200000, 0x1000n);
    assert.equal(
      walk(machine, fourLevelPaging, machine.root, signed(kernel4)),
      0x4000 + Number((kernel4 >> 12n) & 511n),
    );
  });

  it("says -1 where nothing is mapped, at every level", () => {
    const machine = new Machine(fourLevelPaging);
    machine.map(kernel4, 7);
    for (const distance of [0x1000n, 0x200000n, 0x40000000n, 0x8000000000n]) {
      assert.equal(walk(machine, fourLevelPaging, machine.root, signed(kernel4 - distance)), -1);
    }
  });

  it("throws ERR_FRAME_UNREADABLE when a table is not there", () => {
    const machine = new Machine(fourLevelPaging);
    const nowhere = 0x7777 as typeof machine.root;
    assert.throws(
      () => walk(machine, fourLevelPaging, nowhere, signed(kernel4)),
      (error) => isVmmschedError(error, "ERR_FRAME_UNREADABLE"),
    );
  });

  it("computes table indices as bit arithmetic would", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n - 1n }),
        fc.constantFrom(12, 21, 30, 39, 48),
        (eighth, shift) => {
          const address = BigInt.asUintN(64, eighth * 8n);
          assert.equal(tableIndex(signed(address), shift), Number((address >> BigInt(shift)) & 511n));
        },
      ),
    );
  });
});

describe("presentPages", () => {
  it("lists every page of a range with its rights, large pages split", () => {
    const machine = new Machine(fourLevelPaging);
    const noExecute = 1n << 63n;
    const image = 0xffffffff80000000n;
    machine.map(image + 0x1000000n, 0x500, 4096, 2n | noExecute);
    machine.map(image + 0x1003000n, 0x900, 4096, noExecute);
    machine.map(image + 0x1200000n, 0xa00, 0x200000, 0n);
    const pages = [...presentPages(machine, fourLevelPaging, machine.root, -(2 ** 31), -(2 ** 30))];
    assert.equal(pages.length, 2 + 512);
    assert.deepEqual(pages[0], {
      va: signed(image + 0x1000000n),
      frame: 0x500,
      writable: true,
      executable: false,
    });
    assert.deepEqual(pages[1], {
      va: signed(image + 0x1003000n),
      frame: 0x900,
      writable: false,
      executable: false,
    });
    assert.deepEqual(pages.at(-1), {
      va: signed(image + 0x13ff000n),
      frame: 0xa00 + 511,
      writable: false,
      executable: true,
    });
  });

  it("asks once for a table that cannot be read, and passes over what it would map", () => {
    const machine = new Machine(fourLevelPaging);
    machine.map(0xffffffff80200000n, 0x500);
    const directory = machine.fillTable(0xffffffff80000000n, 21, 0x7000000);
    let misses = 0;
    const counting: PhysicalMemory = {
      read: (frame, offset, into) => {
        machine.read(frame, offset, into);
      },
      readFrames: (frames, into) => machine.readFrames(frames, into),
      i32: (frame, offset) => {
        if (frame >= 0x7000000) misses++;
        return machine.i32(frame, offset);
      },
    };
    assert.ok(directory > 0);
    assert.deepEqual([...presentPages(counting, fourLevelPaging, machine.root, -(2 ** 31), -(2 ** 30))], []);
    assert.equal(misses, 512);
  });

  it("takes from a large page only what lies in the range", () => {
    const machine = new Machine(fourLevelPaging);
    machine.map(0xffffffff80000000n, 0x40000, 0x40000000);
    const pages = [
      ...presentPages(machine, fourLevelPaging, machine.root, -(2 ** 31) + 0x3000, -(2 ** 31) + 0x5000),
    ];
    assert.deepEqual(
      pages.map((page) => page.frame),
      [0x40003, 0x40004],
    );
  });
});
