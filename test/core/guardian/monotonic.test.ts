import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { monotonicNs } from "../../../core/guardian/page.js";

describe("the guardian's clock", () => {
  it("is CLOCK_MONOTONIC, also where the process was held up while it began", () => {
    const hrtimeNs = () => Number(process.hrtime.bigint());
    const errors: number[] = [];
    for (let i = 0; i < 50; i++) {
      const [before, told, after] = [hrtimeNs(), monotonicNs(), hrtimeNs()];
      errors.push(Math.max(before - told, told - after));
    }
    assert.ok(Math.max(...errors) < 1e6, `off by ${String(Math.max(...errors))} ns`);
  });
});
