import assert from "node:assert/strict";
import type { Judge } from "./judge.js";
import { QuotaKept } from "./quota-kept.js";
import type { ThreadTruth } from "./tick-truth.js";
import { TiersKept } from "./tiers-kept.js";
import { WishesKept } from "./wishes-kept.js";

const intervalNs = 50e6;

/** A thread that computes all the time, but for what is given. */
function thread(name: string, more: Partial<ThreadTruth> = {}): ThreadTruth {
  const truth = { domain: "db", os: "linux", pid: 7, tid: 7, name, untouchable: false } as const;
  const state = { wants: true, held: false, inKernel: false, besideLocks: false };
  return {
    ...{ ...truth, ...state, key: keys[name] ?? keys, ranNs: 0, gainedNs: intervalNs },
    ...{ wished: false, attempt: undefined, ...more },
  };
}
/** The same thread at all ticks. */
const keys: Readonly<Record<string, object>> = { urgent: {}, plain: {}, job: {} };

function violations(judge: Judge, ticks: readonly (readonly ThreadTruth[])[]): number {
  for (const [tick, threads] of ticks.entries()) judge.look({ timeNs: tick * intervalNs, threads });
  return judge.violations.count;
}

const held = { wished: true, held: true, wants: false };
const still = { ...held, gainedNs: 0 };
const refused = (outcome: string) => ({ wished: true, attempt: { kind: "hold", outcome } }) as const;
const letGo = { kind: "release", outcome: "lock held" } as const;

describe("judges of the campaign of all policies", () => {
  const wishes: readonly (readonly [what: string, ticks: readonly Partial<ThreadTruth>[], count: number])[] =
    [
      ["nothing is wished", [{}, {}], 0],
      ["it stands as wished", [{ ...still, gainedNs: intervalNs }, still, still], 0],
      ["it stands, and runs all the same", [still, held], 1],
      ["it is wished held, and nobody tries", [{ wished: true }], 1],
      ["its hold is refused while it is in the kernel", [{ ...refused("kernel mode"), inKernel: true }], 0],
      ["its hold is refused for a reason that is not so", [refused("kernel mode")], 1],
      ["its hold is refused without end", Array.from({ length: 13 }, () => refused("signal pending")), 1],
      ["it stands, and nobody wishes that or lets it go", [{ ...still, wished: false }], 1],
      ["its release is tried", [{ ...still, wished: false, attempt: letGo }], 0],
      ["it must never be held", [{ ...still, untouchable: true }], 1],
    ];
  for (const [what, ticks, count] of wishes)
    it(`wishes: ${what}: ${count} violations`, () => {
      assert.equal(
        violations(
          new WishesKept(),
          ticks.map((each) => [thread("plain", each)]),
        ),
        count,
      );
    });

  const tiers: readonly (readonly [string, Partial<ThreadTruth>, number, number])[] = [
    ["a lower one runs for two ticks", {}, 3, 0],
    ["a lower one runs for three ticks", {}, 4, 1],
    ["a lower one stands", still, 9, 0],
    ["its hold is late", { wished: true }, 9, 0],
  ];
  for (const [what, lower, ticks, count] of tiers)
    it(`tiers: ${what}: ${count} violations`, () => {
      const isStrict = (name: string) => name === "urgent";
      const judge = new TiersKept({ pcpuCount: 1, vcpuCounts: { db: 1 }, isStrict });
      const tick = [thread("urgent"), thread("plain", lower)];
      assert.equal(violations(judge, Array<ThreadTruth[]>(ticks).fill(tick)), count);
    });

  const runs = [
    ["its quota", 8, 0],
    ["its quota and a tick", 9, 0],
    ["its quota and two ticks", 10, 1],
  ] as const;
  for (const [what, ticks, count] of runs)
    it(`quota: a thread uses ${what}: ${count} violations`, () => {
      const job = { name: "jobs", percent: 40, periodMs: 1000, burstMs: 0 };
      const judge = new QuotaKept([{ ...job, sharing: "each", includes: () => true }], intervalNs, 1);
      assert.equal(violations(judge, Array<ThreadTruth[]>(ticks).fill([thread("job")])), count);
    });
});
