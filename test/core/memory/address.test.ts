import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatVa,
  highWord,
  isKernelObject,
  lowWord,
  vaFromBigInt,
  vaFromWords,
} from "../../../core/memory/address.js";

/** Canonical kernel addresses of 5-level paging that are multiples of 8. */
const kernelObjects = fc.bigInt({ min: -(2n ** 53n), max: -1n }).map((value) => value * 8n);
const unsigned = (value: bigint) => BigInt.asUintN(64, value);

describe("guest addresses", () => {
  it("hold every 8-aligned 57-bit kernel address exactly", () => {
    fc.assert(
      fc.property(kernelObjects, (address) => {
        const va = vaFromBigInt(unsigned(address));
        assert.equal(BigInt(va), address);
        assert.equal(vaFromWords(lowWord(va), highWord(va)), va);
        assert.equal(formatVa(va), "0x" + unsigned(address).toString(16).padStart(16, "0"));
        assert.ok(isKernelObject(va));
      }),
    );
  });

  const cases: readonly [string, bigint, boolean][] = [
    ["the kernel image", 0xffffffff82a1aa40n, true],
    ["the direct map with 5 levels", 0xff11000000001000n, true],
    ["a user address", 0x7fff12345678n, false],
    ["null", 0n, false],
    ["an unaligned kernel address", 0xffff888000000004n, false],
    ["a list poison", 0xdead000000000122n, false],
    ["a non-canonical address", 0xf000000000000000n, false],
  ];
  for (const [what, address, expected] of cases) {
    it(`${expected ? "takes" : "does not take"} ${what} for a kernel object`, () => {
      assert.equal(isKernelObject(vaFromBigInt(address)), expected);
    });
  }
});
