import assert from "node:assert/strict";
import { newAllowance, settle } from "../../../plugins/time-quota/allowance.js";

const msNs = 1e6;
const tickMs = 50;
const maxWaitNs = 600e9;
const limit = { percent: 40, periodMs: 1000, burstMs: 0 };

/** One thread under the limit: `demands` says by period whether it wants to run. Returns what it used in each, in ms. */
function usedMs(demands: readonly boolean[]): readonly number[] {
  const allowance = newAllowance(limit, 0);
  let running = true;
  return demands.map((wants, period) => {
    let used = 0;
    for (let tick = 1; tick <= limit.periodMs / tickMs; tick++) {
      const ms = wants && running ? tickMs : 0;
      used += ms;
      const timeNs = (period * limit.periodMs + tick * tickMs) * msNs;
      settle(allowance, limit, {
        timeNs,
        usedNs: ms * msNs,
        expectedNs: wants ? tickMs * msNs : 0,
        maxWaitNs,
      });
      running = !allowance.short;
    }
    return used;
  });
}

describe("an allowance of time-quota", () => {
  const budgetMs = (limit.percent / 100) * limit.periodMs;

  it("gives each period its budget", () => {
    assert.deepEqual(usedMs([true, true, true]), [budgetMs, budgetMs, budgetMs]);
  });

  it("keeps no period's budget that was not wanted, also of one who was held at its beginning", () => {
    for (const quiet of [1, 2, 5]) {
      const used = usedMs([true, ...Array<boolean>(quiet).fill(false), true, true]);
      assert.ok(
        used.every((ms) => ms <= budgetMs + tickMs),
        used.join(" "),
      );
    }
  });
});
