import {
  processSet,
  isIn as matches,
  type ProcessPattern,
} from "../../plugins/time-quota/process-pattern.js";
import type { Options as QuotaOptions } from "../../plugins/time-quota/index.js";
import type { Options as TierOptions } from "../../plugins/priority-tiers/index.js";
import type { ProcessSnapshot } from "../../core/policy.js";
import type { DomainHistory, ProcessHistory, ShareHistory } from "./share-history.js";

/** Points in time that a figure shows: what is between two of them is averaged. */
const mostSlots = 240;
/** Processes of a domain that are shown each by itself. */
const mostShown = 6;
/** Percent of one CPU in the mean: who used less and was never held is among the others. */
const leastPercent = 1;
/** Less cannot be seen. */
const leastDrawnPercent = 0.05;

/** A process, or all that are not shown by themselves, in one panel. */
export interface Band {
  readonly name: string;
  /** What its policies say of it: its tier, its quota. */
  readonly notes: readonly string[];
  /** Percent of one CPU, by slot. */
  readonly percents: readonly number[];
  readonly meanPercent: number;
  /** Percent of the time. */
  readonly heldPercent: number;
  /** From and to, in ns since the beginning. */
  readonly holds: readonly (readonly [number, number])[];
}

/** One domain. */
export interface Panel {
  readonly name: string;
  readonly mostPercent: number;
  readonly bands: readonly Band[];
  /** Limits that count in this domain, in percent of one CPU. */
  readonly limits: readonly { readonly percent: number; readonly text: string }[];
}

export interface Figure {
  readonly lengthNs: number;
  readonly slotEndsNs: readonly number[];
  readonly panels: readonly Panel[];
}

interface Rules {
  readonly budgets: QuotaOptions["budgets"];
  readonly tiers: TierOptions["tiers"];
  readonly defaultTier: string | undefined;
}

/** What is to be drawn of a recording. */
export function figureOf(history: ShareHistory): Figure {
  const { timesNs } = history;
  const ticksPerSlot = Math.max(1, Math.ceil((timesNs.length - 1) / mostSlots));
  const ends = Array.from({ length: Math.ceil((timesNs.length - 1) / ticksPerSlot) }, (_, slot) =>
    Math.min(timesNs.length - 1, (slot + 1) * ticksPerSlot),
  );
  const rules = rulesOf(history);
  return {
    lengthNs: timesNs.at(-1) ?? 0,
    slotEndsNs: ends.map((end) => timesNs[end] ?? 0),
    panels: history.domains.map((domain) => panelOf(domain, history, ends, rules)),
  };
}

function rulesOf({ options }: ShareHistory): Rules {
  const { budgets = [] } = (options.get("time-quota") ?? {}) as Partial<QuotaOptions>;
  const { tiers = [], defaultTier } = (options.get("priority-tiers") ?? {}) as Partial<TierOptions>;
  return { budgets, tiers, defaultTier: defaultTier ?? tiers.at(-1)?.name };
}

function panelOf(
  { name, vcpuCount, processes }: DomainHistory,
  history: ShareHistory,
  ends: readonly number[],
  rules: Rules,
): Panel {
  const lengthNs = history.timesNs.at(-1) ?? 0;
  const total = ({ cpuNs }: ProcessHistory) => cpuNs.reduce((sum, ns) => sum + ns, 0);
  const matter = processes
    .filter(
      (process) => (100 * total(process)) / lengthNs >= leastPercent || process.held.some((held) => held),
    )
    .toSorted((a, b) => total(b) - total(a));
  const shown = new Set(matter.slice(0, mostShown));
  const others = processes.filter((process) => !shown.has(process));
  const bandOf = (title: string, notes: readonly string[], of: readonly ProcessHistory[]) =>
    makeBand({ title, notes, processes: of }, history, ends);
  const bands = [
    ...processes
      .filter((process) => shown.has(process))
      .map((process) => bandOf(process.name, notesOn(name, process, rules), [process])),
    bandOf("all others", [], others),
  ].filter(({ meanPercent, holds }) => meanPercent >= leastDrawnPercent || holds.length > 0);
  const limits = rules.budgets.flatMap(({ processes: patterns, limits: [limit] }) =>
    limit?.percentOf === "cpu" && processes.some((process) => isNamed(patterns, name, process.name))
      ? [{ percent: limit.percent, text: `quota ${limit.percent} %` }]
      : [],
  );
  return { name, mostPercent: 100 * vcpuCount, bands, limits };
}

function makeBand(
  of: { title: string; notes: readonly string[]; processes: readonly ProcessHistory[] },
  { timesNs, intervalsNs }: ShareHistory,
  ends: readonly number[],
): Band {
  const cpuNs = timesNs.map((_, at) => of.processes.reduce((sum, each) => sum + (each.cpuNs[at] ?? 0), 0));
  const percents = ends.map((end, slot) => {
    const from = (ends[slot - 1] ?? 0) + 1;
    const [used, passed] = [sumOf(cpuNs, from, end), sumOf(intervalsNs, from, end)];
    return passed > 0 ? (100 * used) / passed : 0;
  });
  const alone = of.processes.length === 1 ? of.processes[0] : undefined;
  const holds = alone === undefined ? [] : spansOf(alone.held, timesNs);
  const lengthNs = timesNs.at(-1) ?? 0;
  const heldNs = holds.reduce((sum, [from, to]) => sum + to - from, 0);
  const meanPercent = lengthNs > 0 ? (100 * sumOf(cpuNs, 1, timesNs.length - 1)) / lengthNs : 0;
  const heldPercent = lengthNs > 0 ? (100 * heldNs) / lengthNs : 0;
  return { name: of.title, notes: of.notes, percents, meanPercent, heldPercent, holds };
}

function sumOf(values: readonly number[], from: number, to: number): number {
  return values.slice(from, to + 1).reduce((sum, value) => sum + value, 0);
}

/** Who is held at a tick has been since the one before it: edits come at the end of ticks. */
function spansOf(held: readonly boolean[], timesNs: readonly number[]): (readonly [number, number])[] {
  const spans: (readonly [number, number])[] = [];
  for (let at = 1; at < held.length; at++) {
    if (held[at] !== true) continue;
    const last = spans.at(-1);
    const [fromNs, toNs] = [timesNs[at - 1] ?? 0, timesNs[at] ?? 0];
    if (last?.[1] === fromNs) spans[spans.length - 1] = [last[0], toNs];
    else spans.push([fromNs, toNs]);
  }
  return spans;
}

function notesOn(domain: string, { name }: ProcessHistory, { tiers, defaultTier, budgets }: Rules): string[] {
  const tier = tiers.find(({ processes }) => isNamed(processes, domain, name))?.name ?? defaultTier;
  const budget = budgets.find(({ processes }) => isNamed(processes, domain, name));
  return [
    ...(tier === undefined ? [] : [`tier ${tier}`]),
    ...(budget === undefined ? [] : [`budget ${budget.name}`]),
  ];
}

/** By names alone: what else patterns may say is not drawn. */
function isNamed(patterns: readonly ProcessPattern[], domain: string, name: string): boolean {
  const byName = patterns.map((pattern) => ({ domain: pattern.domain, process: pattern.process }));
  const here = processSet(byName).filter((each) => each.domain.test(domain));
  return matches(here, { name, threads: [] as ProcessSnapshot["threads"] } as ProcessSnapshot);
}
