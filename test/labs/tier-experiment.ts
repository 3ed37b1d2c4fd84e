import assert from "node:assert/strict";
import type { Lab } from "./observe.js";
import { sleepMs } from "./vmmsched-log.js";
import { partsOf, workOf, type WorkReport } from "./work.js";

/** Four burners of four tiers in two domains that share one physical CPU; highest first. The tier is called as its process. */
const tiers = [
  { name: "service", weight: 800, side: 0 },
  { name: "normal", weight: 400, side: 1 },
  { name: "batch", weight: 200, side: 1 },
  { name: "spare", weight: 100, side: 0 },
] as const;
type TierName = (typeof tiers)[number]["name"];

const windowSeconds = Number(process.env.VMMSCHED_LAB_TIER_SECONDS ?? 30);
/** Until all parts are those of the processes that run. */
const settlingSeconds = 6;
/** By how much a part may differ from its due: by this share of it, and by this share of the CPU. */
export interface TierTolerance {
  readonly ofDue: number;
  readonly ofCpu: number;
}

/** Each with the side that it is on. */
export const tierNames: readonly (readonly [TierName, 0 | 1])[] = tiers.map(({ name, side }) => [name, side]);

/** The two domains between which the tiers are divided. */
export type Sides = readonly [string, string];

/** `weightOf`: what the host's VM scheduler takes a weight for. */
export function tierPolicies(sides: Sides, weightOf: "vcpu" | "domain"): string {
  const lines = tiers.map(
    ({ name, weight, side }) =>
      `        - { name: ${name}, weight: ${String(weight)}, processes: [{ domain: ${sides[side]}, process: ${name} }] }`,
  );
  return `
policies:
  - name: priority-tiers
    options:
      hostCpus: 1
      weightOf: ${weightOf}
      tiers:
${lines.join("\n")}
        - { name: others, weight: 100 }
`;
}

/** What happens to one of them, and what runs afterwards. */
export interface TierPhase {
  readonly what: string;
  readonly running: readonly TierName[];
  /** Commands for the guest of this tier, with the answers to wait for. */
  readonly begin: readonly (readonly [TierName, string, RegExp])[];
}

const all: readonly TierName[] = tiers.map(({ name }) => name);
const start = (name: TierName, kind: string): readonly [TierName, string, RegExp] => [
  name,
  `start ${name} ${kind}`,
  new RegExp(`^STARTED ${name} `),
];
const stop = (name: TierName): readonly [TierName, string, RegExp] => [
  name,
  `stop ${name}`,
  new RegExp(`^STOPPED ${name} `),
];

export const tierPhases: readonly TierPhase[] = [
  { what: "all four burn", running: all, begin: all.map((name) => start(name, "burn")) },
  {
    what: "the highest stops: its mate in the domain gets no more of what it leaves than the others",
    running: all.filter((name) => name !== "service"),
    begin: [stop("service")],
  },
  {
    what: "it is back, and another has forked two children, which share its tier's part with it",
    running: all,
    begin: [start("service", "burn"), stop("batch"), start("batch", "family 3")],
  },
  {
    what: "the lowest has reniced itself",
    running: all,
    begin: [["spare", "renice spare -20", /^RENICED spare nice=-20$/]],
  },
];

/** Guests that share one CPU, with what the hypervisor has charged each by one and the same moment, in seconds. */
export interface TierLab extends Lab {
  cpuSeconds(sides: Sides): Promise<readonly number[]>;
}

/** Brings a phase about and compares the parts of the CPU that they have in it with those that are due. */
export async function runTierPhase(
  lab: TierLab,
  sides: Sides,
  { what, running, begin }: TierPhase,
  { ofDue, ofCpu }: TierTolerance,
): Promise<void> {
  const guestOf = (name: TierName) => lab.guest(sides[tiers.find((tier) => tier.name === name)?.side ?? 0]);
  for (const [name, command, answer] of begin) await guestOf(name).ask(command, answer, 120_000);
  await sleepMs(1000 * settlingSeconds);
  const before = await look(lab, sides);
  await sleepMs(1000 * windowSeconds);
  const after = await look(lab, sides);

  const whole = after.reduce((sum, { seconds }, i) => sum + seconds - (before[i]?.seconds ?? 0), 0);
  const found = new Map(
    after.flatMap(({ seconds, work }, i) => {
      const first = before[i];
      if (first === undefined) return [];
      const domain = (seconds - first.seconds) / whole;
      return [...partsOf(first.work, work, "ns")].map(([name, part]) => [name, part * domain] as const);
    }),
  );
  const weights = new Map<string, number>(tiers.map(({ name, weight }) => [name, weight]));
  const all = running.reduce((sum, name) => sum + (weights.get(name) ?? 0), 0);
  const rows = running.map((name) => {
    return { name, part: found.get(name) ?? 0, due: (weights.get(name) ?? 0) / all };
  });
  const shown = (share: number) => `${(100 * share).toFixed(2)} %`;
  process.stdout.write(
    `      ${what}: ${rows.map(({ name, part, due }) => `${name} ${shown(part)} of ${shown(due)}`).join(", ")}\n`,
  );
  for (const { name, part, due } of rows)
    assert.ok(
      Math.abs(part - due) <= ofDue * due + ofCpu,
      `${name} has ${shown(part)} of the CPU rather than ${shown(due)}`,
    );
}

interface Look {
  readonly seconds: number;
  readonly work: WorkReport;
}

async function look(lab: TierLab, sides: Sides): Promise<readonly Look[]> {
  const works = await Promise.all(sides.map((name) => workOf(lab.guest(name))));
  const seconds = await lab.cpuSeconds(sides);
  return works.map((work, side) => ({ work, seconds: seconds[side] ?? Number.NaN }));
}
