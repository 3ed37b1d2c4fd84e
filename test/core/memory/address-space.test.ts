import assert from "node:assert/strict";
import { isVmmschedError } from "../../../core/errors.js";
import { vaFromBigInt } from "../../../core/memory/address.js";
import { AddressSpace } from "../../../core/memory/address-space.js";
import { fiveLevelPaging, fourLevelPaging, walk } from "../../../core/memory/paging.js";
import { StructCursor } from "../../../core/memory/struct-cursor.js";
import { Machine } from "./machine.js";

const base = 0xff11000000010000n;

/** Two neighbouring pages in frames that are no neighbours; byte n of the pair is n * 7 modulo 256. */
function twoPages(): { machine: Machine; space: AddressSpace } {
  const machine = new Machine(fiveLevelPaging);
  const bytes = Uint8Array.from({ length: 8192 }, (_, n) => (n * 7) & 0xff);
  machine.fill(0x77, bytes.subarray(0, 4096));
  machine.fill(0x33, bytes.subarray(4096));
  machine.map(base, 0x77);
  machine.map(base + 0x1000n, 0x33);
  return { machine, space: new AddressSpace(machine, fiveLevelPaging, machine.root) };
}

const expected = (at: number, length: number) =>
  Array.from({ length }, (_, i) => BigInt(((at + i) * 7) & 0xff) << BigInt(8 * i)).reduce(
    (sum, byte) => sum | byte,
    0n,
  );

describe("an address space", () => {
  const struct = vaFromBigInt(base + 0xff8n);
  for (const offset of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x100]) {
    it(`reads members at offset ${String(offset)}, also across pages`, () => {
      const { space } = twoPages();
      const at = 0xff8 + offset;
      assert.equal(BigInt(space.u8(struct, offset)), expected(at, 1));
      assert.equal(BigInt(space.u16(struct, offset)), expected(at, 2));
      assert.equal(BigInt(space.u32(struct, offset)), expected(at, 4));
      assert.equal(BigInt(space.i32(struct, offset)), BigInt.asIntN(32, expected(at, 4)));
      const cursor = new StructCursor(space);
      cursor.address = struct;
      assert.equal(BigInt(cursor.u8(offset)), expected(at, 1));
    });
  }

  for (const paging of [fourLevelPaging, fiveLevelPaging])
    it(`translates any address as a walk of its own does: ${paging.name}`, () => {
      const machine = new Machine(paging);
      const start = paging === fiveLevelPaging ? 0xff11000000000000n : 0xffff888000000000n;
      const pages: bigint[] = [];
      for (let i = 0n; i < 40n; i++) {
        // Pages of all sizes, many in one region of 2 MiB, some in none.
        const size = i % 10n === 9n ? 0x40000000 : i % 3n === 0n ? 0x200000 : 4096;
        const va = start + (i % 10n === 9n ? 0x4000000000n + i * 0x40000000n : i * 0x200000n);
        machine.map(va, 0x40000 * Number(i + 1n), size);
        if (size === 4096) machine.map(va + 0x5000n, 0x333 + Number(i));
        pages.push(va, va + 0x5000n, va + 0x1ff000n, va + 0x40000n);
      }
      const space = new AddressSpace(machine, paging, machine.root);
      for (let turn = 0; turn < 3; turn++) {
        for (const page of [...pages, ...pages.toReversed()]) {
          const va = vaFromBigInt(page);
          const walked = walk(machine, paging, machine.root, va);
          if (walked >= 0) assert.equal(space.frame(va, 0), walked, page.toString(16));
          else assert.throws(() => space.frame(va, 0), { code: "ERR_GUEST_PAGE_NOT_PRESENT" });
        }
        space.flush();
      }
    });

  it("forgets what mapped a region when it is flushed", () => {
    const { machine, space } = twoPages();
    const va = vaFromBigInt(base);
    assert.equal(space.frame(va, 0), 0x77);
    machine.map(base, 0x99);
    space.flush();
    assert.equal(space.frame(va, 0), 0x99);
  });

  it("reads bytes and strings across pages", () => {
    const { machine, space } = twoPages();
    const into = new Uint8Array(64);
    space.read(struct, 0, into);
    assert.deepEqual(
      [...into],
      Array.from({ length: 64 }, (_, i) => ((0xff8 + i) * 7) & 0xff),
    );
    machine.fill(0x33, Buffer.from("swapper/0\0rest"));
    assert.equal(space.cstring(struct, 8, 16), "swapper/0");
    assert.equal(space.cstring(struct, 8, 4), "swap");
  });

  it("reads pointers as signed addresses", () => {
    const { machine, space } = twoPages();
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(0xff11000000020008n);
    machine.fill(0x77, bytes);
    assert.equal(space.pointer(vaFromBigInt(base), 0), vaFromBigInt(0xff11000000020008n));
  });

  it("throws ERR_GUEST_PAGE_NOT_PRESENT with the address", () => {
    const { space } = twoPages();
    assert.throws(
      () => space.u32(vaFromBigInt(base), 0x2000),
      (error) =>
        isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") &&
        error.message.includes("0xff11000000010000 + 8192"),
    );
  });

  it("keeps translations until it is flushed", () => {
    const { machine, space } = twoPages();
    const va = vaFromBigInt(base);
    assert.equal(space.frame(va, 0), 0x77);
    machine.map(base, 0x55);
    assert.equal(space.frame(va, 0), 0x77);
    space.flush();
    assert.equal(space.frame(va, 0), 0x55);
  });
});
