import { setTimeout as timeout } from "node:timers/promises";

/** The host's monotonic clock. The simulated host has one of its own. */
export interface Clock {
  nowNs(): number;
  /** Ends early, without an error, when `signal` is aborted. */
  sleep(ns: number, signal?: AbortSignal): Promise<void>;
}
export const Clock = Symbol("Clock");

export const hostClock: Clock = {
  nowNs: () => performance.now() * 1e6,
  async sleep(ns, signal) {
    await timeout(ns / 1e6, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
      if (signal?.aborted !== true) throw error;
    });
  },
};
