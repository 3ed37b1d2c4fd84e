import type { DomainSnapshot, HostSnapshot, ProcessSnapshot } from "vmmsched/plugin-api";
import { noIo, noteIo, type IoMemory } from "./io-activity.js";
import { tierOf, type Membership } from "./tier.js";

/** What is remembered of a process from tick to tick. Plain data. */
export interface Memory extends IoMemory {
  /** Of its first thread: another one is another process under its id. */
  readonly startTimeNs: number;
  /** It has wanted to run for long enough to have a part of its tier's share. */
  wants: boolean;
  /** For how many ticks in a row that has been contradicted. */
  ticks: number;
  /** Threads that want to run; where it is held, those that did when it was. */
  threads: number;
  /** The same in the mean over some ticks, so that threads that come and go do not change everything each time. */
  meanThreads: number;
  /** We hold it. */
  held: boolean;
  /** What was wished last, and by how much that has missed what it should be since, in steps of nice values times ticks. */
  nice: number | undefined;
  missed: number;
}

/** By uuid of the domain and process id. */
export type Memories = ReadonlyMap<string, ReadonlyMap<number, Memory>>;

/** A process and what it wants; or all that runs in a domain that shows no processes. */
export interface Demand {
  readonly domain: DomainSnapshot;
  readonly process: ProcessSnapshot | undefined;
  readonly tier: number;
  readonly memory: Memory;
}

/** Of a domain that shows no processes, in percent of one CPU: less is no work. */
const leastPercent = 5;
/** Ticks over which threads are averaged. */
const meanTicks = 8;
/** No process has this id. */
const wholeDomain = 0;

/** All demands on a host, in the order of the snapshot. Paused domains want nothing; threads of kernels are in no tier. */
export function demandsOn(
  host: HostSnapshot,
  membership: Membership,
  before: Memories,
  settleTicks: number,
): readonly Demand[] {
  return host.domains.flatMap((domain) => {
    const memories = before.get(domain.uuid);
    if (!domain.managed) return domain.weight === undefined ? [] : [ofWhole(domain)];
    return domain.processes
      .filter((process) => !process.kernel)
      .map((process): Demand => {
        const known = memories?.get(process.pid);
        const startTimeNs = process.threads[0]?.startTimeNs ?? 0;
        const memory = { ...(known?.startTimeNs === startTimeNs ? known : fresh(startTimeNs)) };
        settle(memory, domain.paused ? 0 : threadsOf(process, memory), settleTicks);
        noteIo(memory, process, host.intervalNs);
        return { domain, process, tier: tierOf(membership, domain, process), memory };
      });

    function ofWhole(whole: DomainSnapshot): Demand {
      const memory = { ...(memories?.get(wholeDomain) ?? fresh(0)) };
      const percent = host.intervalNs > 0 ? (100 * whole.cpuTimeDeltaNs) / host.intervalNs : 0;
      const threads = percent > leastPercent ? Math.max(1, Math.round(percent / 100)) : 0;
      settle(memory, whole.paused ? 0 : threads, settleTicks);
      return { domain: whole, process: undefined, tier: membership.fallback, memory };
    }
  });
}

export function memoriesOf(demands: readonly Demand[]): Memories {
  const memories = new Map<string, Map<number, Memory>>();
  for (const { domain, process, memory } of demands) {
    const ofDomain = memories.get(domain.uuid) ?? new Map<number, Memory>();
    memories.set(domain.uuid, ofDomain.set(process?.pid ?? wholeDomain, memory));
  }
  return memories;
}

/** Hysteresis: what counts turns only after enough ticks in a row that speak against it. */
function settle(memory: Memory, threads: number, settleTicks: number): void {
  memory.threads = threads;
  if (!memory.wants) memory.meanThreads = Math.max(1, threads);
  else if (threads > 0) memory.meanThreads += (threads - memory.meanThreads) / meanTicks;
  memory.ticks = memory.wants === threads > 0 ? 0 : memory.ticks + 1;
  if (memory.ticks < settleTicks) return;
  memory.wants = !memory.wants;
  memory.ticks = 0;
}

/** A held one wants to run if it did when it was held by us. Whom others hold does not run, whatever it wants. */
function threadsOf({ threads }: ProcessSnapshot, { held, threads: before }: Memory): number {
  const runnable = threads.filter(
    ({ state, hold }) => hold === "none" && (state === "running" || state === "queued"),
  ).length;
  const isOurs = held || threads.some(({ hold }) => hold === "releasing");
  return isOurs ? Math.max(runnable, before) : runnable;
}

function fresh(startTimeNs: number): Memory {
  const wish = { held: false, nice: undefined, missed: 0 };
  return { startTimeNs, wants: false, ticks: 0, threads: 0, meanThreads: 1, ...wish, ...noIo };
}
