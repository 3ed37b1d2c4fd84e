import assert from "node:assert/strict";
import {
  chargeOf,
  usedPart,
  type ChargedDomain,
  type PauseCharge,
} from "../../../plugins/time-quota/pause-charge.js";

const ms = 1e6;
const intervalNs = 100 * ms;

/** In one interval, in ms. */
interface Interval {
  readonly accounted: number;
  readonly charged: number;
  readonly paused: number;
}

function domain({ accounted, charged, paused }: Interval): ChargedDomain {
  return {
    ...{ vcpuCount: 1, cpuTimeDeltaNs: charged * ms, pausedNs: paused * ms },
    processes: [{ cpuTimeDeltaNs: accounted * ms }],
  };
}

/** CPU time that counts in many intervals, against what the guest accounts in them. */
function countedShare(intervalOf: (index: number) => Interval): number {
  let charge: PauseCharge | undefined;
  let [counted, accounted] = [0, 0];
  for (let i = 0; i < 200; i++) {
    const interval = intervalOf(i);
    charge = chargeOf(domain(interval), intervalNs, charge);
    counted += interval.accounted * usedPart(charge);
    accounted += interval.accounted;
  }
  return counted / accounted;
}

describe("what a guest charges for pauses", () => {
  it("is taken off, as far as the hypervisor charges less", () => {
    const found = countedShare(() => ({ accounted: 40, charged: 25, paused: 20 }));
    assert.ok(Math.abs(found - 25 / 40) < 1e-9, String(found));
  });

  it("is no more than the pauses", () => {
    const found = countedShare(() => ({ accounted: 40, charged: 10, paused: 4 }));
    assert.ok(Math.abs(found - 36 / 40) < 1e-9, String(found));
  });

  it("is nothing where both agree in the long run, although each interval is cut at another moment", () => {
    const late = [0, 9, -7, 4, -8, 2];
    const found = countedShare((i) => {
      const [from, to] = [late[i % late.length] ?? 0, late[(i + 1) % late.length] ?? 0];
      return { accounted: 40, charged: 40 + to - from, paused: 25 };
    });
    assert.ok(found > 0.98, String(found));
  });

  it("is nothing where there were no pauses", () => {
    assert.equal(
      countedShare(() => ({ accounted: 40, charged: 10, paused: 0 })),
      1,
    );
  });
});
