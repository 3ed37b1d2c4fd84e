import type { Guest } from "./guest.js";

/** What the processes of a workload have done since they began. */
export interface Work {
  /** Of the same loop in all guests. */
  readonly rounds: number;
  /** CPU time that their guest has charged them. */
  readonly ns: number;
}

/** By workload. */
export type WorkReport = ReadonlyMap<string, Work>;

export async function workOf(guest: Guest): Promise<WorkReport> {
  const [, rest = ""] = await guest.ask("work", /^WORK rt=[\d.]+((?: \S+)*)$/, 120_000);
  const words = rest.split(" ").filter((word) => word !== "");
  return new Map(
    words.map((word): [string, Work] => {
      const [name = "", rounds, ns] = word.split(":");
      return [name, { rounds: Number(rounds), ns: Number(ns) }];
    }),
  );
}

/** Between two reports of one guest: who has done which part of it. */
export function partsOf(
  before: WorkReport,
  after: WorkReport,
  measure: keyof Work,
): ReadonlyMap<string, number> {
  const gained = [...after].flatMap(([name, work]): [string, number][] => {
    const since = before.get(name);
    return since === undefined ? [] : [[name, work[measure] - since[measure]]];
  });
  const whole = gained.reduce((sum, [, each]) => sum + each, 0);
  return new Map(gained.map(([name, each]) => [name, each / whole]));
}
