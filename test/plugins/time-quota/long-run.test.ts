import assert from "node:assert/strict";
import fc from "fast-check";
import { type Random } from "../../../core/testing/random.js";
import type { Options } from "../../../plugins/time-quota/index.js";
import { burn, type Burner, type Pace } from "./burners.js";

const periodMs = 1000;

function optionsOf(percent: number, sharing: "each" | "together" = "each", period = periodMs): Options {
  return {
    maxWaitMs: 600_000,
    budgets: [
      {
        name: "burners",
        processes: [{ domain: "*", process: "*" }],
        children: true,
        sharing,
        limits: [{ percent, percentOf: "cpu", periodMs: period, burstMs: 0 }],
      },
    ],
  };
}

/** Ticks about this far apart, some of them very late; holds and releases a few milliseconds late, some of them more. */
function pace(intervalMs: number, seed: number): Pace {
  return {
    seed,
    intervalMs: (random) =>
      intervalMs + 3 * random.fraction() + (random.chance(0.02) ? random.below(300) : 0),
    lateMs: (random) => (random.chance(0.05) ? 80 : 12) * random.fraction(),
  };
}

/** Percent of one CPU that all of them used together. */
function share(percent: number, burners: readonly Burner[], intervalMs: number, seconds: number): number {
  const { burnt, timeMs } = burn(optionsOf(percent, "together"), burners, pace(intervalMs, percent), seconds);
  return (100 * burnt.reduce((sum, { usedMs }) => sum + usedMs, 0)) / timeMs;
}

describe("time-quota in the long run", () => {
  const loads: readonly (readonly [what: string, burners: readonly Burner[]])[] = [
    ["one thread", [{ domain: "a", name: "p" }]],
    ["four threads", [{ domain: "a", name: "p", threads: 4 }]],
    [
      "four threads in a guest that gives them half a CPU to three",
      [{ domain: "a", name: "p", threads: 4, cpus: (random) => 0.5 + 2.5 * random.fraction() }],
    ],
    [
      "three processes in two domains that share",
      [
        { domain: "a", name: "p" },
        { domain: "a", name: "q", cpus: (random) => random.fraction() },
        { domain: "b", name: "r", threads: 2 },
      ],
    ],
  ];
  for (const [what, burners] of loads)
    for (const intervalMs of [100, 200])
      it(`gives 1, 5, 20, 50 and 90 % to ${what}, with ticks of ${String(intervalMs)} ms`, () => {
        for (const percent of [1, 5, 20, 50, 90]) {
          const found = share(percent, burners, intervalMs, 1200);
          assert.ok(Math.abs(found - percent) < 0.1, `${String(percent)} %: ${found.toFixed(2)} %`);
        }
      }).timeout(60_000);

  it("gives 20 % over 30 s within half a point", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const punctual = { ...pace(100, seed), intervalMs: (random: Random) => 100 + random.fraction() };
      const { burnt, timeMs } = burn(optionsOf(20), [{ domain: "a", name: "p" }], punctual, 30);
      const found = (100 * (burnt[0]?.usedMs ?? 0)) / timeMs;
      assert.ok(found > 19.5 && found < 20.5, `seed ${String(seed)}: ${found.toFixed(2)} %`);
    }
  });

  it("leaves a process alone that wants less than it may", () => {
    const modest: Burner = { domain: "a", name: "p", cpus: (random) => 0.38 * random.fraction() };
    const { burnt, timeMs } = burn(optionsOf(40), [modest], pace(100, 1), 600);
    const alone = burn(optionsOf(1000), [modest], pace(100, 1), 600);
    assert.deepEqual({ burnt, timeMs }, { burnt: alone.burnt, timeMs: alone.timeMs });
  });

  it("never differs from what the periods gave by more than a period and what ticks can do", () => {
    const threads = fc.integer({ min: 1, max: 6 });
    const given = fc.record({
      threads,
      sharePercent: fc.double({ min: 0.5, max: 80, noNaN: true }),
      period: fc.integer({ min: 100, max: 20_000 }),
      leastMs: fc.integer({ min: 50, max: 250 }),
      spreadMs: fc.integer({ min: 0, max: 500 }),
      lateMs: fc.integer({ min: 0, max: 25 }),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(given, ({ threads, sharePercent, period, leastMs, spreadMs, lateMs, seed }) => {
        const percent = sharePercent * threads;
        const seconds = 120;
        const { burnt, timeMs, longestIntervalMs } = burn(
          optionsOf(percent, "each", period),
          [{ domain: "a", name: "p", threads }],
          {
            seed,
            intervalMs: (random: Random) => leastMs + spreadMs * random.fraction(),
            lateMs: (random: Random) => lateMs * random.fraction(),
          },
          seconds,
        );
        const usedMs = burnt[0]?.usedMs ?? 0;
        const budgetMs = (percent / 100) * period;
        const givenMs = budgetMs * (1 + Math.floor(timeMs / period));
        const tickMs = threads * (longestIntervalMs + lateMs);
        assert.ok(usedMs <= givenMs + tickMs, `used ${String(usedMs)} of ${String(givenMs)} ms`);
        assert.ok(
          usedMs >= givenMs - budgetMs - 2 * tickMs,
          `used ${String(usedMs)} of ${String(givenMs)} ms`,
        );
      }),
      {
        numRuns: 150,
        examples: [
          // Periods that are shorter than many of the ticks.
          [
            {
              ...{ threads: 1, sharePercent: 68.18671554889067, period: 100 },
              ...{ leastMs: 50, spreadMs: 102, lateMs: 21, seed: 26 },
            },
          ],
        ],
      },
    );
  }).timeout(120_000);
});
