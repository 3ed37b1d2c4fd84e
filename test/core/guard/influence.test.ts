import assert from "node:assert/strict";
import { Influence } from "../../../core/guard/influence.js";

const windowNs = 600e9;
const intervalNs = 100e6;

/** Seconds until one that always presses has no say, and until it has one again. */
function turns(influence: Influence, most: number): readonly number[] {
  const found: number[] = [];
  let before = influence.spent;
  for (let ns = 0; ns < most * 1e9; ns += intervalNs) {
    influence.look(intervalNs, true);
    if (influence.spent === before) continue;
    before = influence.spent;
    found.push(Math.round(ns / 1e9));
  }
  return found;
}

describe("influence", () => {
  for (const [percent, expected] of [
    [50, [300, 600, 900, 1200]],
    [25, [150, 600, 750, 1200]],
    [99, [594, 600, 1194, 1200]],
    [100, []],
  ] as const)
    it(`of ${String(percent)} %: one that always wants CPUs has a say for so much of each window`, () => {
      const found = turns(new Influence(percent, windowNs), 1205);
      assert.equal(found.length, expected.length);
      found.forEach((seconds, i) => {
        assert.ok(Math.abs(seconds - (expected[i] ?? 0)) <= 2, String(found));
      });
    });

  it("of 25 %: one that wants CPUs for a fifth of the time always has a say", () => {
    const influence = new Influence(25, windowNs);
    for (let tick = 0; tick < 100_000; tick++) {
      influence.look(intervalNs, tick % 500 < 100);
      assert.equal(influence.spent, false);
    }
  });

  it("in the long run nobody has more than his share, whatever he does", () => {
    const influence = new Influence(25, windowNs);
    let pressedNs = 0;
    const ticks = 200_000;
    for (let tick = 0; tick < ticks; tick++) {
      const presses = tick % 1000 < 700;
      if (presses && !influence.spent) pressedNs += intervalNs;
      influence.look(intervalNs, presses);
    }
    const part = pressedNs / (ticks * intervalNs);
    assert.ok(part <= 0.26, `${String(100 * part)} %`);
    assert.ok(part >= 0.2, `${String(100 * part)} %`);
  });

  it("tells when it will be paid", () => {
    const influence = new Influence(50, windowNs);
    assert.equal(influence.leftNs, 0);
    while (!influence.spent) influence.look(intervalNs, true);
    assert.ok(Math.abs(influence.leftNs - 300e9) < 1e9, String(influence.leftNs));
  });
});
