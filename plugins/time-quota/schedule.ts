const minutesPerDay = 1440;
const msPerMinute = 60_000;
/** 1970-01-01 was a Thursday. */
const firstWeekday = 4;

const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
export type Weekday = (typeof weekdays)[number];

/** A part of the day in the host's local time: on these days from one time until another, which may be on the day after. */
export interface Hours {
  /** Such as `22:00`. */
  readonly from: string;
  /** Not included. Not later than `from`: on the day after. */
  readonly to: string;
  readonly days: readonly Weekday[];
}

/** The host's calendar clock. */
interface Calendar {
  readonly wallTimeMs: number;
  readonly utcOffsetMinutes: number;
}

/** Is it within any of these hours? */
export function isWithin(schedule: readonly Hours[], { wallTimeMs, utcOffsetMinutes }: Calendar): boolean {
  const localMinutes = Math.floor(wallTimeMs / msPerMinute) + utcOffsetMinutes;
  const day = Math.floor(localMinutes / minutesPerDay);
  const minute = localMinutes - day * minutesPerDay;
  return schedule.some(({ from, to, days }) => {
    const [begin, end] = [minuteOf(from), minuteOf(to)];
    const isOn = (offset: number) => days.includes(weekdayOf(day + offset));
    if (begin < end) return isOn(0) && begin <= minute && minute < end;
    return (isOn(0) && begin <= minute) || (isOn(-1) && minute < end);
  });
}

function weekdayOf(day: number): Weekday {
  const index = (((day + firstWeekday) % 7) + 7) % 7;
  return weekdays[index] ?? "sun";
}

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return 60 * hours + minutes;
}
