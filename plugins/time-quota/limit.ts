import type { HostSnapshot } from "vmmsched/plugin-api";
import type { Limit } from "./allowance.js";
import { isWithin, type Hours } from "./schedule.js";

/** A limit as the operator gives it. */
export interface QuotaLimit extends Limit {
  /** Of one CPU, or of all physical CPUs of the host together. */
  readonly percentOf: "cpu" | "host";
  /** When it counts; always without it. */
  readonly when?: readonly Hours[];
}

/** The same on this host, in percent of one CPU. */
export function onHost(limit: QuotaLimit, { cpuCount }: HostSnapshot): Limit {
  if (limit.percentOf === "cpu") return limit;
  return { ...limit, percent: limit.percent * Math.max(1, cpuCount) };
}

/** Does it count at this time of the week? */
export function isInForce({ when }: QuotaLimit, host: HostSnapshot): boolean {
  return when === undefined || isWithin(when, host);
}

/** In words. */
export function limitText({ percent, percentOf, periodMs }: QuotaLimit): string {
  return `${String(percent)} %${percentOf === "host" ? " of the host" : ""} in ${String(periodMs)} ms`;
}
