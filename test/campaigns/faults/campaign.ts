import { isVmmschedError } from "../../../core/errors.js";
import type { Log, LogFields } from "../../../core/log.js";
import { InProcessPolicies } from "../../../core/policies/in-process-policies.js";
import { Random } from "../../../core/testing/random.js";
import {
  LinuxMachine,
  SimulatedHost,
  SimulatedHypervisor,
  WindowsMachine,
  type DomainSpec,
  type ProcessSpec,
} from "../../../native/simulated/index.js";
import { linuxProfile, ScheduledHost, windowsProfile } from "../../core/cycle/scheduled-host.js";
import { GuestThreads } from "../policies/guest-threads.js";
import { configuredPolicies } from "../policies/mixed-host.js";
import { FaultSource } from "./fault-source.js";
import { FaultyHypervisor } from "./faulty-hypervisor.js";

/** Runs on one host, one scheduler after the other; whoever reproduces one begins with the first of its host. */
export const runsPerHost = 20;

export interface BrokenRun {
  readonly run: number;
  readonly what: readonly string[];
}

export interface FaultsResult {
  readonly broken: readonly BrokenRun[];
  readonly figures: readonly string[];
}

const processes: readonly ProcessSpec[] = [
  { comm: "urgent-work", workload: { kind: "alternate", busyMs: 300, idleMs: 400 } },
  { comm: "plain-job", workload: { kind: "burn" }, nice: 3 },
  { comm: "spare-scan", workload: { kind: "threads", count: 2, each: { kind: "burn" } } },
  { comm: "spare-backgr", workload: { kind: "burn" } },
];
const domains: readonly DomainSpec[] = [
  { name: "db", kind: "pv", vcpuCount: 2, processes },
  { name: "web", kind: "pvh", processes },
  { name: "desktop", kind: "hvm", os: "windows", windowsBuild: 7601, vcpuCount: 2, processes },
];
const ownWeight = 256;
const mostBroken = 10;
/** After the end, for threads that were let go to come to a CPU. */
const settleNs = 3e9;

/** Schedulers on hosts whose driver fails, runs `from` to `from + count`; each is stopped once the faults have ended. */
export async function runFaults(seed: number, from: number, count: number): Promise<FaultsResult> {
  const broken: BrokenRun[] = [];
  const totals = new Map<string, number>();
  const add = (what: string, by = 1) => void totals.set(what, (totals.get(what) ?? 0) + by);
  let host: SimulatedHost | undefined;
  for (let run = from - (from % runsPerHost); run < from + count && broken.length < mostBroken; run++) {
    if (host === undefined || run % runsPerHost === 0) {
      host = new SimulatedHost({ domains, seed: seed + run, lockProbability: 0.1, pcpuCount: 3 });
      host.advance(1e9);
    }
    const what = await faultyRun(host, new Random(Math.imul(seed, 0x9e3779b1) ^ run), add);
    if (what.length === 0) continue;
    broken.push({ run, what });
    // What is broken stays so: the next host begins anew.
    run += runsPerHost - 1 - (run % runsPerHost);
    host = undefined;
  }
  const figures = [...totals].toSorted(([, a], [, b]) => b - a).map(([what, times]) => `${what} ${times}`);
  return { broken, figures: [figures.join(", ")] };
}

/** One scheduler on this host, with faults for a while. Returns what it leaves behind that it must not. */
async function faultyRun(
  host: SimulatedHost,
  random: Random,
  add: (what: string, by?: number) => void,
): Promise<readonly string[]> {
  const faults = new FaultSource(random, (ns) => host.advance(ns));
  const ignore = () => undefined;
  const fallen: LogFields[] = [];
  const log: Log = {
    trace: ignore,
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields) => void fallen.push(fields),
  };
  const scheduled = new ScheduledHost({
    ...{ domains: [], host, log, pause: random.chance(0.3) ? "early" : "late", headStartNs: 0 },
    hypervisor: new FaultyHypervisor(new SimulatedHypervisor(host), faults),
    profiles: [linuxProfile, windowsProfile],
    policies: (columns) => new InProcessPolicies(configuredPolicies, columns, log),
  });
  const before = nicesOf(host);
  const problems: string[] = [];
  const arm = () => {
    faults.chanceOfCall = random.pick([0.002, 0.02, 0.1]);
    faults.chanceOfRead = random.pick([0, 1e-6, 1e-5, 1e-4]);
  };
  if (random.chance(0.3)) arm();
  try {
    await scheduled.attach();
    await scheduled.run(5 + random.below(20));
    arm();
    await scheduled.run(5 + random.below(20));
    faults.end();
    if (random.chance(0.5)) await scheduled.run(random.below(10));
    add("ran to the end");
  } catch (error) {
    // The scheduler's loop ends then, as by a signal.
    if (!isVmmschedError(error))
      problems.push(`a tick threw ${error instanceof Error ? (error.stack ?? "") : String(error)}`);
    else add(`ended by ${error.code}`);
  }
  faults.end();
  problems.push(...(await ended(scheduled)));
  host.advance(settleNs);
  for (const [fault, times] of faults.counts) add(fault, times);
  return [...problems, ...leftIn(host, before)];
}

/** Stops it as a signal does. */
async function ended({ loop }: ScheduledHost): Promise<readonly string[]> {
  try {
    await loop.start();
    await loop.stop("graceful");
    return [];
  } catch (error) {
    return [`it did not stop cleanly: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** What the host must not have any more when its scheduler has ended. */
function leftIn(host: SimulatedHost, nices: ReadonlyMap<string, number>): readonly string[] {
  const held = new GuestThreads(host.domains).look().filter((thread) => thread.held);
  return [
    ...host.domains.filter(({ pauseCount }) => pauseCount !== 0).map(({ name }) => `${name} is paused`),
    ...host.domains
      .filter(({ share }) => share.weight !== ownWeight || share.capPercent !== 0)
      .map(({ name, share }) => `${name} has weight ${share.weight}, cap ${share.capPercent} %`),
    ...held.map(({ domain, name, tid }) => `${name} (${tid}) in ${domain} is held`),
    ...[...nicesOf(host)]
      .filter(([name, nice]) => nices.get(name) !== nice)
      .map(([name, nice]) => `${name} has nice ${nice}, and had ${nices.get(name)}`),
    ...complaintsOf(host),
  ];
}

function nicesOf(host: SimulatedHost): ReadonlyMap<string, number> {
  const nices = new Map<string, number>();
  for (const { name, machine } of host.domains) {
    if (machine instanceof LinuxMachine)
      for (const { pid, kernel } of machine.processes())
        if (!kernel) nices.set(`${name}/${pid}`, machine.procStat(pid)?.nice ?? 0);
  }
  return nices;
}

function complaintsOf(host: SimulatedHost): readonly string[] {
  return host.domains.flatMap(({ name, machine }) => {
    const complaints =
      machine instanceof LinuxMachine
        ? machine.console.complaints
        : machine instanceof WindowsMachine
          ? [...machine.console.complaints, ...machine.check()]
          : [];
    return complaints.map((complaint) => `${name}: ${complaint}`);
  });
}
