import { setTimeout as timeout } from "node:timers/promises";

/** A reading of the host's calendar clock, which people set, and which NTP and daylight saving move. */
export interface WallTime {
  /** Milliseconds since 1970-01-01 00:00 UTC. */
  readonly wallTimeMs: number;
  /** Minutes that the host's local time is ahead of UTC. */
  readonly utcOffsetMinutes: number;
}

/** The host's monotonic clock. The simulated host has one of its own. */
export interface Clock {
  nowNs(): number;
  /** The calendar's time, in the host's time zone. */
  wallTime(): WallTime;
  /** Ends early, without an error, when `signal` is aborted. */
  sleep(ns: number, signal?: AbortSignal): Promise<void>;
}
export const Clock = Symbol("Clock");

export const hostClock: Clock = {
  nowNs: () => performance.now() * 1e6,
  wallTime() {
    const now = new Date();
    return { wallTimeMs: now.getTime(), utcOffsetMinutes: -now.getTimezoneOffset() };
  },
  async sleep(ns, signal) {
    await timeout(ns / 1e6, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
      if (signal?.aborted !== true) throw error;
    });
  },
};
