import { setTimeout as timeout } from "node:timers/promises";

/** The host's monotonic clock. The simulated host has one of its own. */
export interface Clock {
  nowNs(): number;
  sleep(ns: number): Promise<void>;
}
export const Clock = Symbol("Clock");

export const hostClock: Clock = {
  nowNs: () => performance.now() * 1e6,
  async sleep(ns) {
    await timeout(ns / 1e6);
  },
};
