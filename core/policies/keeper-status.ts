import type { PolicySpec } from "./policy-worker.js";

/** What became of the last change of a policy. */
export interface Reload {
  readonly at: string;
  readonly result: "live" | "refused" | "rolled-back" | "removed";
  readonly version: string;
  readonly tookMs: number;
  readonly reason?: string;
}

export function reloadNow(
  result: Reload["result"],
  { plugin }: PolicySpec,
  tookMs: number,
  reason?: string,
): Reload {
  return {
    at: new Date().toISOString(),
    result,
    version: plugin.version,
    tookMs: Math.round(tookMs),
    ...(reason === undefined ? {} : { reason }),
  };
}

export interface KeeperStatus {
  readonly state: "active" | "starting" | "failing" | "given up" | "gone";
  /** What runs, or ran last. */
  readonly spec?: PolicySpec;
  readonly reason?: string;
  /** Why the newest version does not run although another one does. */
  readonly problem?: string;
  readonly lastReload?: Reload;
  /** Where its last failure is kept for its author. */
  readonly record?: string;
  readonly restarts: number;
  readonly strikes: number;
  /** Of the thread that runs now. */
  readonly lateTicks: number;
}
