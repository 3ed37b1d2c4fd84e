import type { Options } from "../../../plugins/idle-only/index.js";

/** The defaults of plugin.json. */
export const defaults: Omit<Options, "background" | "groups"> = {
  ignore: [],
  judgedBy: "guest",
  processCpuPercent: 5,
  domainCpuPercent: 10,
  domainBusyTicks: 3,
  countWaiting: true,
  countBlocked: false,
  busyTicks: 1,
  idleTicks: 1,
  minRunMs: 0,
  trickleMs: 100,
  tricklePeriodMs: 10_000,
};
