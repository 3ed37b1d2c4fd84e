import { readdirSync } from "node:fs";
import type { SchedulerStatus } from "../cycle/scheduler-status.js";
import { threadFigures, type ThreadFigures } from "./memory-figures.js";

/** What `vmmsched status --json` prints. */
export interface StatusReport extends SchedulerStatus {
  readonly schema: 1;
  readonly policies: readonly string[];
  readonly process: {
    readonly pid: number;
    readonly uptimeSeconds: number;
    readonly rssBytes: number;
    readonly threads: number;
    readonly cycle: ThreadFigures;
    readonly control: ThreadFigures;
  };
}

export function statusReport(
  { status, figures }: { readonly status: SchedulerStatus; readonly figures: ThreadFigures },
  policies: readonly string[],
): StatusReport {
  return {
    schema: 1,
    ...status,
    policies,
    process: {
      pid: process.pid,
      uptimeSeconds: Math.round(process.uptime()),
      rssBytes: process.memoryUsage().rss,
      threads: readdirSync("/proc/self/task").length,
      cycle: figures,
      control: threadFigures(),
    },
  };
}
