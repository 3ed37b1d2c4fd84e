import { taskComm, type Process, type ProcessListing } from "./parse.js";

/** A process as `vmmsched ps --json` shows it. */
export interface SeenProcess {
  readonly pid: number;
  readonly name: string;
  readonly threads: readonly { readonly tid: number; readonly name: string }[];
}

/**
 * Differences that have a cause other than a mistake:
 * - `once`: it lived during one of the guest's two listings only, and the look met it.
 * - `unmet`: it lived during one of the listings only, and not during the look.
 * - `transient`: it was born after the first listing and gone before the second, and the look met it.
 * - `changed`: its name or threads differ between the listings; the look had something of either.
 */
export type Race = "once" | "unmet" | "transient" | "changed";

export interface Comparison {
  /** Processes that both listings have, unchanged: the look must have them exactly so. */
  readonly compared: number;
  readonly races: Readonly<Record<Race, number>>;
  /** What no race explains, in words. */
  readonly mismatches: readonly string[];
}

/** The names under which a process is born before it takes its own: its parent's. */
export interface BirthNames {
  /** Of processes that may come and go between two listings. */
  readonly shortLived: readonly string[];
  /** Of processes that stay, for as long as they have not been renamed. */
  readonly parents: readonly string[];
}

/** The listing that ended last before `begin` and the one that began first after `end`, both by `margin` at least. */
export function listingsAround(
  listings: readonly ProcessListing[],
  takenAt: { readonly begin: number; readonly end: number },
  margin: number,
): { before: ProcessListing; after: ProcessListing } | undefined {
  const before = listings.findLast(({ ended }) => ended + margin < takenAt.begin);
  const after = listings.find(({ began }) => began - margin > takenAt.end);
  return before === undefined || after === undefined ? undefined : { before, after };
}

/** Compares one look at a guest with the guest's own listings before and after it. */
export function compareProcesses(
  seen: readonly SeenProcess[],
  before: ProcessListing,
  after: ProcessListing,
  births: BirthNames,
): Comparison {
  const races: Record<Race, number> = { once: 0, unmet: 0, transient: 0, changed: 0 };
  const mismatches: string[] = [];
  let compared = 0;
  const earlier = byPid(before.processes);
  const later = byPid(after.processes);
  const looked = byPid(seen);
  if (looked.size !== seen.length) mismatches.push("the look has a pid twice");
  const youngest = Math.max(0, ...earlier.keys());

  for (const pid of new Set([...earlier.keys(), ...later.keys(), ...looked.keys()])) {
    const [was, is, met] = [earlier.get(pid), later.get(pid), looked.get(pid)];
    if (was !== undefined && is?.start === was.start) {
      const exact = [listed(was), listed(is)];
      if (met === undefined) mismatches.push(`${exact.join(" then ")} was not in the look`);
      else if (exact[0] === exact[1]) {
        compared++;
        if (shown(met) !== exact[0]) mismatches.push(`${exact[0] ?? ""} looked like ${shown(met)}`);
      } else if (isBetween(met, was, is)) races.changed++;
      else mismatches.push(`${exact.join(" then ")} looked like ${shown(met)}`);
    } else if (met === undefined) races.unmet++;
    else if ([was, is].some((one) => one !== undefined && fits(met, one, births))) races.once++;
    else if (was === undefined && is === undefined && pid > youngest && births.shortLived.includes(met.name))
      races.transient++;
    else {
      const once = [was, is].filter((one) => one !== undefined).map(listed);
      mismatches.push(
        `${shown(met)} was in the look; the listings have ${once.join(" and ") || "no such pid"}`,
      );
    }
  }
  return { compared, races, mismatches };
}

function byPid<P extends { readonly pid: number }>(processes: readonly P[]): ReadonlyMap<number, P> {
  return new Map(processes.map((process) => [process.pid, process]));
}

/** One text for one content, whatever the order of the threads. */
function content(
  pid: number,
  name: string,
  threads: readonly (readonly [tid: number, name: string])[],
): string {
  const sorted = [...threads].sort(([one], [other]) => one - other);
  return `${pid} ${name} [${sorted.map(([tid, comm]) => `${tid}/${comm}`).join(" ")}]`;
}

function listed({ pid, comm, threads }: Process): string {
  return content(
    pid,
    taskComm(comm),
    threads.map((thread) => [thread.tid, taskComm(thread.comm)]),
  );
}

function shown({ pid, name, threads }: SeenProcess): string {
  return content(
    pid,
    name,
    threads.map((thread) => [thread.tid, thread.name]),
  );
}

/** Has it one of the two names, all threads that stayed and none that neither listing has? */
function isBetween(met: SeenProcess, was: Process, is: Process): boolean {
  const [first, second] = [was, is].map(({ threads }) => new Set(threads.map(({ tid }) => tid)));
  const tids = new Set(met.threads.map(({ tid }) => tid));
  const stayed = [...(first ?? [])].filter((tid) => second?.has(tid));
  return (
    [was, is].some(({ comm }) => taskComm(comm) === met.name) &&
    stayed.every((tid) => tids.has(tid)) &&
    [...tids].every((tid) => first?.has(tid) === true || second?.has(tid) === true)
  );
}

/** Is it the listed process, or that process before it took its name? */
function fits(met: SeenProcess, one: Process, { shortLived, parents }: BirthNames): boolean {
  if (shown(met) === listed(one)) return true;
  const alone = met.threads.length === 1 && met.threads[0]?.tid === met.pid;
  if (!alone) return false;
  const isShort = shortLived.includes(met.name) && shortLived.includes(one.comm);
  return isShort || parents.includes(met.name);
}
