import type { Log, LogFields } from "../../../core/log.js";
import { InProcessPolicies } from "../../../core/policies/in-process-policies.js";
import { Random } from "../../../core/testing/random.js";
import { SimulatedHost, type DomainSpec } from "../../../native/simulated/index.js";
import { intervalNs, linuxProfile, ScheduledHost, windowsProfile } from "../../core/cycle/scheduled-host.js";
import { GuestThreads } from "../policies/guest-threads.js";
import { configuredPolicies, quotaOptions } from "../policies/mixed-host.js";
import { JumpingClock } from "./jumping-clock.js";

const domains: readonly DomainSpec[] = [
  {
    name: "db",
    kind: "pv",
    vcpuCount: 2,
    processes: [
      { comm: "plain-job", workload: { kind: "burn" } },
      { comm: "spare-scan", workload: { kind: "burn" } },
      { comm: "urgent-work", workload: { kind: "alternate", busyMs: 200, idleMs: 800 } },
    ],
  },
  {
    name: "desktop",
    kind: "hvm",
    os: "windows",
    windowsBuild: 7601,
    processes: [{ comm: "spare-backgr", workload: { kind: "burn" } }],
  },
];
/** Without anything that happens to the clock, to see what the policies are like. */
const calmSeconds = 20;
const chanceOfEvent = 0.01;
const settleNs = 3e9;
export interface TimeResult {
  readonly broken: readonly string[];
  readonly figures: readonly string[];
}

const [
  {
    limits: [jobLimit],
  },
] = quotaOptions.budgets as [(typeof quotaOptions.budgets)[number]];
const cpus = (jobLimit?.percent ?? 0) / 100;
const keptNs = 2 * cpus * (jobLimit?.periodMs ?? 0) * 1e6;
/** A period's budget, that is there at its beginning, and holds that are late. */
const promisedNs = keptNs / 2 + 0.4e9;
/** A longer interval is a gap. */
const longestTickNs = 0.3e9;

/** The whole scheduler under all policies for so long, on a host whose clocks jump. */
export async function runTime(seed: number, seconds: number): Promise<TimeResult> {
  const random = new Random(seed);
  const host = new SimulatedHost({ domains, seed, lockProbability: 0.05, pcpuCount: 3 });
  const clock = new JumpingClock(host, random);
  const broken: string[] = [];
  const ignore = () => undefined;
  const log: Log = {
    ...{ trace: ignore, debug: ignore, info: ignore, warn: ignore },
    error: (fields: LogFields, message) => void broken.push(`${message} ${JSON.stringify(fields)}`),
  };
  const scheduled = new ScheduledHost({
    ...{ domains, host, log, headStartNs: 1e9, clock: () => clock },
    profiles: [linuxProfile, windowsProfile],
    policies: (columns) => new InProcessPolicies(configuredPolicies, columns, log),
  });
  await scheduled.attach();
  const began: number[] = [];
  const used: number[] = [];
  scheduled.cycle.ticked = () => {
    began.push(clock.nowNs());
    used.push(scheduled.cpuTimeNs("db", "plain-job"));
  };
  await scheduled.loop.start();
  await past(host, calmSeconds * 1e9);
  clock.chance = chanceOfEvent;
  await past(host, seconds * 1e9);
  clock.chance = 0;
  await scheduled.loop.stop("graceful");
  host.advance(settleNs);
  const held = new GuestThreads(host.domains).look().filter((thread) => thread.held);
  broken.push(...held.map(({ domain, name }) => `${name} in ${domain} stays held`));
  broken.push(...scheduled.complaints(), ...burstsIn(began));
  const excessNs = mostExcessNs(began, used);
  if (excessNs > promisedNs)
    broken.push(`jobs used ${ms(excessNs)} more than their budget: ${ms(promisedNs)} is the most`);
  const gaps = gapNs(began);
  const events = [...clock.counts.values()].reduce((sum, count) => sum + count, 0);
  const late = lateIn(began);
  if (late > events) broken.push(`${late} ticks came late, and the clock had ${events} events`);
  return {
    broken,
    figures: [
      `${began.length} ticks, ${scheduled.loop.counts.missedTicks} missed; ${[...clock.counts].map(([what, count]) => `${what} ${count}`).join(", ")}`,
      `intervals: least ${ms(Math.min(...gaps))}, greatest ${ms(Math.max(...gaps))}`,
      `jobs exceeded their budget by ${ms(excessNs)} at most, of ${ms(promisedNs)} that they may`,
    ],
  };
}

/** Lets the loop run until the host has come so far. */
async function past(host: SimulatedHost, ns: number): Promise<void> {
  const endNs = host.nowNs + ns;
  while (host.nowNs < endNs) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Ticks have their places on a grid, on which a tick that is late keeps its own; one that is later than an interval begins the grid
 * anew, and nothing is made up for. No tick comes before its place.
 */
function burstsIn(began: readonly number[]): readonly string[] {
  let placeNs = began[0] ?? 0;
  return began.flatMap((at, i) => {
    const earlyNs = placeNs - at;
    placeNs = (at - placeNs >= intervalNs ? at : placeNs) + intervalNs;
    return earlyNs > 1 ? [`tick ${i} comes ${ms(earlyNs)} before its place`] : [];
  });
}

/** Late ticks: there may be as many as there were events, or time drifts. */
function lateIn(began: readonly number[]): number {
  let placeNs = began[0] ?? 0;
  return began.filter((at) => {
    const late = at > placeNs + 1;
    placeNs = (at - placeNs >= intervalNs ? at : placeNs) + intervalNs;
    return late;
  }).length;
}

function gapNs(began: readonly number[]): readonly number[] {
  return began.slice(1).map((at, i) => at - (began[i] ?? 0));
}

/**
 * By how much the jobs exceed their budget at most, in ns of CPU time, as it was at ticks that came in time: what they used less
 * what the time brought, of which two periods at most count while they do not want it. A gap brings what its time does, and what was
 * used in one, when nobody could hold them, is a debt that must only fall.
 */
function mostExcessNs(began: readonly number[], used: readonly number[]): number {
  let [excessNs, leastNs, debtNs, mostNs] = [0, -keptNs, 0, 0];
  for (const [i, at] of began.entries()) {
    if (i === 0) continue;
    const passedNs = at - (began[i - 1] ?? at);
    excessNs += (used[i] ?? 0) - (used[i - 1] ?? 0) - cpus * passedNs;
    if (passedNs > longestTickNs) [leastNs, debtNs] = [Math.min(-keptNs, excessNs), excessNs];
    excessNs = Math.max(excessNs, leastNs);
    leastNs = Math.max(leastNs, Math.min(-keptNs, excessNs));
    mostNs = Math.max(mostNs, excessNs - Math.max(0, debtNs));
    debtNs = Math.max(0, Math.min(debtNs, excessNs));
  }
  return mostNs;
}

const ms = (ns: number) => `${(ns / 1e6).toFixed(1)} ms`;
