import type { ProcessListing } from "./parse.js";
import { compareProcesses, listingsAround, type Race, type SeenProcess } from "./process-comparison.js";

/** A child bears its parent's name until it executes its own program; new kernel threads bear kthreadd's. */
const births = { shortLived: ["fork", "short-lived"], parents: ["kthreadd"] };

/** What is used of a line of `vmmsched ps --json` (docs/ps.schema.json). */
export interface Look {
  readonly takenAt: { readonly begin: number; readonly end: number };
  readonly domains: readonly {
    readonly name: string;
    readonly managed: boolean;
    readonly reason?: string;
    readonly races: number;
    readonly processes: readonly SeenProcess[];
  }[];
}

/** Sums over all looks at one guest. */
export interface Totals {
  looks: number;
  compared: number;
  /** How often vmmsched itself says that it began a list again. */
  restarts: number;
  readonly races: Record<Race, number>;
}

/** Compares every look at one guest; what no race explains is added to `mismatches`. `workloads` run all the time. */
export function compareAll(
  name: string,
  taken: readonly Look[],
  all: readonly ProcessListing[],
  margin: number,
  workloads: readonly string[],
  mismatches: string[],
): Totals {
  const totals: Totals = {
    looks: 0,
    compared: 0,
    restarts: 0,
    races: { once: 0, unmet: 0, transient: 0, changed: 0 },
  };
  for (const [index, look] of taken.entries()) {
    const where = `${name}, look ${String(index)} at ${look.takenAt.begin.toFixed(3)}`;
    const domain = look.domains.find((one) => one.name === name);
    const around = listingsAround(all, look.takenAt, margin);
    if (domain?.managed !== true) {
      mismatches.push(`${where}: not managed: ${domain?.reason ?? "no such domain"}`);
      continue;
    }
    if (around === undefined) {
      mismatches.push(`${where}: no listing of the guest before or after it`);
      continue;
    }
    const result = compareProcesses(domain.processes, around.before, around.after, births);
    totals.looks++;
    totals.compared += result.compared;
    totals.restarts += domain.races;
    for (const race of Object.keys(result.races) as Race[]) totals.races[race] += result.races[race];
    mismatches.push(...result.mismatches.map((text) => `${where}: ${text}`));
    for (const expected of ["init", "kthreadd", ...workloads]) {
      if (!around.before.processes.some(({ comm }) => comm === expected))
        mismatches.push(`${where}: the guest's own listing has no ${expected}`);
    }
  }
  return totals;
}

export function report(
  name: string,
  { looks: compared, ...totals }: Totals,
  all: readonly ProcessListing[],
  margin: number,
): void {
  const { once, unmet, transient, changed } = totals.races;
  const born = (all.at(-1)?.started ?? 0) - (all[0]?.started ?? 0);
  const text = [
    `${name}: ${compared} looks, ${totals.compared} processes compared with ${all.length} listings of its own /proc, ${born} processes and threads started meanwhile;`,
    `  races: ${once} in one listing and the look, ${unmet} in one listing only, ${transient} in the look only,`,
    `  ${changed} changed meanwhile; lists begun again by vmmsched: ${totals.restarts}; clocks agree to ${(1000 * margin).toFixed(1)} ms`,
  ];
  process.stdout.write(text.map((line) => `      ${line}\n`).join(""));
}
