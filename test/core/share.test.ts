import assert from "node:assert/strict";
import type { DomainShare } from "../../core/hypervisor.js";
import { shareOf, shareText, smallerLimit } from "../../core/share.js";

describe("shares of domains", () => {
  const texts: readonly (readonly [share: DomainShare, text: string])[] = [
    [{}, ""],
    [{ weight: 256, capPercent: 0 }, "weight 256, no cap"],
    [{ weight: 1, capPercent: 50, ioBytesPerSecond: 0 }, "weight 1, cap 50 %, no I/O limit"],
    [{ ioBytesPerSecond: 2_000_000 }, "I/O 2000000 B/s"],
  ];
  for (const [share, text] of texts)
    it(`read ${JSON.stringify(text)}`, () => assert.equal(shareText(share), text));

  it("are what is wished of what the domain has, and else its own", () => {
    const own = { weight: 300, ioBytesPerSecond: 5e6 };
    const wished = { weight: 7, capPercent: 9 };
    assert.deepEqual(shareOf(own, wished), { weight: 7, ioBytesPerSecond: 5e6 });
  });

  it("of two limits have the one that lets less through; 0 is none, and -1 no wish of one", () => {
    const cases = [
      [5, 9, 5],
      [0, 9, 9],
      [9, 0, 9],
      [-1, 0, 0],
      [0, -1, 0],
      [-1, 9, 9],
      [-1, -1, -1],
    ] as const;
    for (const [one, other, expected] of cases) assert.equal(smallerLimit(one, other), expected);
  });
});
