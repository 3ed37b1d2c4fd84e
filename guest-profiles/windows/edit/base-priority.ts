import { LOW_REALTIME_PRIORITY } from "../constants.js";

/** Base priority of a thread of normal class and priority. */
const normal = 8;
const least = 1;
const most = LOW_REALTIME_PRIORITY - 1;
const [leastNice, mostNice] = [-20, 19];

/** Base priorities that threads may get: those that the dispatcher lets decay. 0 is the zero page thread's. */
export function isDynamicPriority(priority: number): boolean {
  return Number.isInteger(priority) && priority >= least && priority <= most;
}

/**
 * The base priority that a nice value stands for: 0 is 8, -20 is 15, 19 is 1, evenly between, and never 8 for another value
 * than 0.
 */
export function basePriorityOf(nice: number): number {
  return nice < 0
    ? normal + Math.ceil((nice / leastNice) * (most - normal))
    : normal - Math.ceil((nice / mostNice) * (normal - least));
}
