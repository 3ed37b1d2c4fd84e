import assert from "node:assert/strict";
import fc from "fast-check";
import { host } from "../../../core/testing.js";
import { isWithin, type Hours, type Weekday } from "../../../plugins/time-quota/schedule.js";

const everyDay: readonly Weekday[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

function at(localTime: string, utcOffsetMinutes = 0) {
  return host({ localTime, utcOffsetMinutes, domains: [] });
}

describe("the hours of a limit", () => {
  // 2026-03-01 is a Sunday.
  const rows: readonly (readonly [what: string, hours: readonly Hours[], time: string, within: boolean])[] = [
    ["begin", [{ from: "09:00", to: "17:00", days: everyDay }], "2026-03-01T09:00", true],
    ["have not begun", [{ from: "09:00", to: "17:00", days: everyDay }], "2026-03-01T08:59:59.999", false],
    ["last", [{ from: "09:00", to: "17:00", days: everyDay }], "2026-03-01T16:59:59.999", true],
    ["end", [{ from: "09:00", to: "17:00", days: everyDay }], "2026-03-01T17:00", false],
    ["go over midnight", [{ from: "22:00", to: "06:00", days: ["sun"] }], "2026-03-02T05:59", true],
    [
      "go over midnight from days of theirs only",
      [{ from: "22:00", to: "06:00", days: ["mon"] }],
      "2026-03-02T05:59",
      false,
    ],
    ["go over midnight, once", [{ from: "22:00", to: "06:00", days: ["sun"] }], "2026-03-02T22:00", false],
    ["last until midnight", [{ from: "22:00", to: "24:00", days: ["sun"] }], "2026-03-01T23:59", true],
    [
      "last until midnight, not longer",
      [{ from: "22:00", to: "24:00", days: ["sun"] }],
      "2026-03-02T00:00",
      false,
    ],
    ["are a whole day", [{ from: "00:00", to: "24:00", days: ["sun"] }], "2026-03-01T12:00", true],
    ["are a day and a night", [{ from: "08:00", to: "08:00", days: ["sun"] }], "2026-03-02T07:59", true],
    ["are on other days", [{ from: "00:00", to: "24:00", days: ["sat", "mon"] }], "2026-03-01T12:00", false],
    [
      "are several",
      [
        { from: "01:00", to: "02:00", days: everyDay },
        { from: "11:00", to: "13:00", days: ["sun"] },
      ],
      "2026-03-01T12:00",
      true,
    ],
    [
      "are before 1970, by a clock that is not set",
      [{ from: "00:00", to: "24:00", days: ["wed"] }],
      "1969-12-31T12:00",
      true,
    ],
  ];
  for (const [what, hours, time, within] of rows)
    it(what, () => {
      assert.equal(isWithin(hours, at(time)), within);
    });

  it("are in the host's local time, wherever it is", () => {
    const hours = [{ from: "22:00", to: "06:00", days: everyDay }];
    for (const offset of [-720, -210, 0, 345, 840]) {
      assert.ok(isWithin(hours, at("2026-03-01T22:00", offset)));
      assert.ok(!isWithin(hours, at("2026-03-01T21:59", offset)));
    }
  });

  it("divide each day as the calendar does", () => {
    const names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true }), fc.integer({ min: 0, max: 1439 }), (date, begin) => {
        const time = [Math.floor(begin / 60), begin % 60]
          .map((each) => String(each).padStart(2, "0"))
          .join(":");
        const day = names[date.getUTCDay()] ?? "sun";
        const clock = { wallTimeMs: date.getTime(), utcOffsetMinutes: 0 };
        const minute = 60 * date.getUTCHours() + date.getUTCMinutes();
        assert.equal(isWithin([{ from: time, to: "24:00", days: [day] }], clock), minute >= begin);
        assert.equal(isWithin([{ from: time, to: time, days: everyDay }], clock), true);
      }),
    );
  });
});
