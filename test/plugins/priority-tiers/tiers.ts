import type { DomainSketch, HostSketch, ProcessSketch } from "../../../core/testing.js";
import type { Options } from "../../../plugins/priority-tiers/index.js";
import type { Tier } from "../../../plugins/priority-tiers/tier.js";

/** A tier of the processes whose names begin with its own. */
export function tier(name: string, weight: number, more: Partial<Tier> = {}): Tier {
  return { name, processes: [{ domain: "*", process: `${name}*` }], weight, strict: false, ...more };
}

/** Weights a whole number of nice steps apart: 125 is 100 × 1.25, and so on. */
export const options: Options = {
  tiers: [tier("high", 1.25 ** 10 * 10), tier("mid", 1.25 ** 5 * 10), tier("low", 10)],
  busyTicks: 1,
  idleTicks: 1,
  settleTicks: 1,
  ioTicks: 3,
  meanWeight: 256,
  weightOf: "vcpu",
};

/** A process that runs, or one that is given otherwise. */
export type Sketch = string | ProcessSketch;

/** A host of these processes by domain; those of which only the name is given want to run. */
export function hostOf(
  domains: Readonly<Record<string, readonly Sketch[]>>,
  more: Readonly<Record<string, Partial<DomainSketch>>> = {},
): HostSketch {
  return {
    domains: Object.entries(domains).map(([name, processes]) => ({
      name,
      processes: processes.map((each) =>
        typeof each === "string" ? { name: each, state: "running" } : each,
      ),
      ...more[name],
    })),
  };
}
