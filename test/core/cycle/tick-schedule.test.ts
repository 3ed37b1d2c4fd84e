import assert from "node:assert/strict";
import { TickSchedule, type TickOptions } from "../../../core/cycle/tick-schedule.js";
import { Random } from "../../../core/testing/random.js";

const ms = 1e6;

interface Tick {
  /** How long it takes; default: no time at all. */
  readonly takesMs?: number;
  readonly quiet?: boolean;
}

/** A clock that stands still but for ticks and for sleeping until the next one; returns when each tick began, in ms. */
function begins(schedule: TickSchedule, ticks: readonly Tick[], oversleptMs = 0): readonly number[] {
  let nowNs = 0;
  return ticks.map(({ takesMs = 0, quiet = false }) => {
    const beganNs = nowNs;
    nowNs += takesMs * ms;
    const dueNs = schedule.next(beganNs, nowNs, quiet);
    nowNs = Math.max(nowNs, dueNs + oversleptMs * ms);
    return beganNs / ms;
  });
}

const times = (count: number, tick: Tick = {}): readonly Tick[] => Array.from({ length: count }, () => tick);
const scheduled = (options: Partial<TickOptions>, random?: () => number) =>
  new TickSchedule({ intervalNs: 100 * ms, ...options }, 0, random);

describe("when ticks come", () => {
  const cases: readonly {
    readonly what: string;
    readonly options?: Partial<TickOptions>;
    readonly ticks: readonly Tick[];
    readonly oversleptMs?: number;
    readonly begin: readonly number[];
    readonly missed?: number;
  }[] = [
    { what: "on a grid", ticks: times(4), begin: [0, 100, 200, 300] },
    { what: "on it, however long they take", ticks: times(4, { takesMs: 60 }), begin: [0, 100, 200, 300] },
    { what: "on it, however late they begin", ticks: times(4), oversleptMs: 7, begin: [0, 107, 207, 307] },
    {
      what: "at once after one that took longer than the interval, and the grid begins there",
      ticks: [{}, { takesMs: 130 }, {}, {}],
      begin: [0, 100, 230, 330],
    },
    {
      what: "a whole interval after one that slept through several, which are missed",
      ticks: times(3),
      oversleptMs: 250,
      begin: [0, 350, 700],
      missed: 4,
    },
    {
      what: "with those missed that were due meanwhile",
      ticks: [{}, { takesMs: 450 }, {}, {}],
      begin: [0, 100, 550, 650],
      missed: 3,
    },
    {
      what: "ever more rarely after ten that saw nothing, up to the slowest interval",
      options: { slowestIntervalNs: 500 * ms },
      ticks: times(15, { quiet: true }),
      begin: [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1600, 2100, 2600],
    },
    {
      what: "at the usual interval after the first that saw something",
      options: { slowestIntervalNs: 400 * ms },
      ticks: [...times(13, { quiet: true }), {}, {}, ...times(3, { quiet: true })],
      begin: [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1600, 2000, 2100, 2200, 2300, 2400],
    },
    {
      what: "at the usual interval where one in ten sees something",
      options: { slowestIntervalNs: 400 * ms },
      ticks: [...times(9, { quiet: true }), {}, ...times(9, { quiet: true }), {}],
      begin: Array.from({ length: 20 }, (_, i) => 100 * i),
    },
    {
      what: "no less often without a slowest interval",
      ticks: times(14, { quiet: true }),
      begin: Array.from({ length: 14 }, (_, i) => 100 * i),
    },
    {
      what: "slow, with what is missed counted in the interval that is in force",
      options: { slowestIntervalNs: 400 * ms },
      ticks: [...times(12, { quiet: true }), { takesMs: 1300, quiet: true }, { quiet: true }],
      begin: [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1600, 2900],
      missed: 2,
    },
  ];
  for (const { what, options = {}, ticks, oversleptMs, begin, missed = 0 } of cases)
    it(what, () => {
      const schedule = scheduled(options);
      assert.deepEqual(begins(schedule, ticks, oversleptMs), begin);
      assert.equal(schedule.missed, missed);
    });

  it("at once when something hurries them, and then at the usual interval", () => {
    const schedule = scheduled({ slowestIntervalNs: 10_000 * ms });
    const slow = begins(schedule, times(20, { quiet: true })).at(-1) ?? 0;
    assert.ok(schedule.isSlow && schedule.intervalNs > 5000 * ms);
    const nowNs = (slow + 1000) * ms;
    schedule.hurry(nowNs);
    assert.deepEqual([schedule.isSlow, schedule.intervalNs], [false, 100 * ms]);
    assert.equal(schedule.next(nowNs, nowNs, true), nowNs + 100 * ms);
    assert.equal(schedule.missed, 0);
  });
});

describe("jitter", () => {
  const count = 20_000;
  for (const jitterPercent of [10, 25, 50])
    it(`of ${jitterPercent} % moves ticks evenly to either side of their places, and leaves the mean interval`, () => {
      const random = new Random(jitterPercent);
      const schedule = scheduled({ jitterPercent }, () => random.fraction());
      const began = begins(schedule, times(count, { takesMs: 2 })).slice(1);
      const moved = began.map((at, i) => at - 100 * (i + 1));
      assert.ok(moved.every((by) => Math.abs(by) <= jitterPercent + 10));
      const tenths = Array.from({ length: 10 }, () => 0);
      for (const by of moved) {
        const tenth = Math.min(9, Math.max(0, Math.floor(((by / jitterPercent + 1) / 2) * 10)));
        tenths[tenth] = (tenths[tenth] ?? 0) + 1;
      }
      for (const share of tenths) assert.ok(Math.abs(share / count - 0.1) < 0.02, tenths.join());
      const mean = ((began.at(-1) ?? 0) - (began[0] ?? 0)) / (began.length - 1);
      assert.ok(Math.abs(mean - 100) < 0.1, `mean ${mean}`);
      for (const [i, at] of began.slice(1).entries()) assert.ok(at - (began[i] ?? 0) >= 10 - 1e-6);
      assert.equal(schedule.missed, 0);
    });

  it("does not follow from the time, nor from what came before", () => {
    const draw = () => begins(scheduled({ jitterPercent: 50 }), times(30)).join();
    assert.notEqual(draw(), draw());
  });

  it("is a part of the interval that is in force", () => {
    let drawn = 0.5;
    const schedule = scheduled({ jitterPercent: 50, slowestIntervalNs: 800 * ms }, () => drawn);
    begins(schedule, times(16, { quiet: true }));
    assert.equal(schedule.intervalNs, 800 * ms);
    const inPlaceNs = schedule.next(0, 0, true);
    drawn = 0;
    assert.equal(schedule.next(0, 0, true) - inPlaceNs, 400 * ms);
  });
});
