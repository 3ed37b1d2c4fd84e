import assert from "node:assert/strict";
import { Distrust } from "../../../core/guard/distrust.js";

const hour = 3600;

/** Seconds that each time without trust lasts, for one whose lies are seen `pause` seconds after it is trusted again. */
function times(distrust: Distrust, count: number, pause: number): readonly number[] {
  let now = 0;
  return Array.from({ length: count }, () => {
    assert.equal(distrust.look(now * 1e9, "it lies"), true);
    assert.equal(distrust.reason, "it lies");
    const lasts = distrust.untilNs / 1e9 - now;
    assert.equal(distrust.look((now + lasts - 1) * 1e9, undefined), false);
    assert.equal(distrust.reason, "it lies");
    assert.equal(distrust.look((now + lasts) * 1e9, undefined), false);
    assert.equal(distrust.reason, undefined);
    now += lasts + pause;
    return lasts;
  });
}

describe("distrust", () => {
  it("lasts twice as long each time, up to an hour", () => {
    assert.deepEqual(times(new Distrust(), 10, 60), [30, 60, 120, 240, 480, 960, 1920, hour, hour, hour]);
  });

  it("begins anew for who was trusted for more than an hour", () => {
    assert.deepEqual(times(new Distrust(), 3, hour + 1), [30, 30, 30]);
  });

  it("goes on where the evidence does", () => {
    const distrust = new Distrust();
    assert.equal(distrust.look(0, "it lies"), true);
    assert.equal(distrust.look(30e9, "it still lies"), true);
    assert.deepEqual([distrust.reason, distrust.untilNs], ["it still lies", 90e9]);
  });
});
