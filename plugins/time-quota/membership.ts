import type { DomainSnapshot, HostSnapshot, ProcessSnapshot } from "vmmsched/plugin-api";
import { isIn, setIn, type ProcessSet } from "./process-pattern.js";

/**
 * Who belongs to a set of processes, by uuid of the domain: the identity of each, with that of the process through which it
 * came in, which is itself where it matched a pattern. Plain data.
 */
export type Members = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** A process that belongs to the set now. */
export interface Member {
  readonly process: ProcessSnapshot;
  readonly identity: string;
  /** Of the process through which it came in. It may have exited since. */
  readonly root: string;
}

/** Names a process of a domain as long as it lives: an id that is used again comes with another start time. */
export function identityOf({ pid, threads }: ProcessSnapshot): string {
  return `${String(pid)}/${String(threads[0]?.startTimeNs ?? 0)}`;
}

/**
 * Who belongs to the set now: who matches, who belonged to it `before` (names and arguments are what a guest says they are, so
 * nobody leaves by another name), and, with `children`, whose parent belongs to it. Kernel threads and untouchable
 * processes never do, nor does anybody through them.
 */
export function membersNow(
  set: ProcessSet,
  children: boolean,
  host: HostSnapshot,
  before: Members,
): { readonly members: Members; readonly present: ReadonlyMap<DomainSnapshot, readonly Member[]> } {
  const members = new Map<string, ReadonlyMap<string, string>>();
  const present = new Map<DomainSnapshot, readonly Member[]>();
  for (const domain of host.domains) {
    const known = before.get(domain.uuid) ?? new Map<string, string>();
    const found = membersIn(domain, setIn(set, domain.name), children, known);
    // One that cannot be read now may be readable again at the next tick: nobody gets out by that.
    const kept = new Map(domain.managed ? [] : known);
    for (const { identity, root } of found) kept.set(identity, root);
    if (kept.size > 0) members.set(domain.uuid, kept);
    if (found.length > 0) present.set(domain, found);
  }
  return { members, present };
}

function membersIn(
  { processes }: DomainSnapshot,
  set: ProcessSet,
  children: boolean,
  known: ReadonlyMap<string, string>,
): readonly Member[] {
  if (set.length === 0 && known.size === 0) return [];
  const byPid = new Map(children ? processes.map((process) => [process.pid, process]) : []);
  /** Undefined: it does not belong to the set, or is being looked at. */
  const settled = new Map<ProcessSnapshot, Member | undefined>();
  for (const process of processes) {
    // Up to an ancestor that is settled, then down again: a line of ancestors may be long, or a circle.
    const line: ProcessSnapshot[] = [];
    let above: ProcessSnapshot | undefined = process;
    for (; above !== undefined && !settled.has(above); above = byPid.get(above.parentPid ?? 0)) {
      settled.set(above, undefined);
      line.push(above);
    }
    let parent = above && settled.get(above);
    for (const each of line.reverse()) {
      parent = memberOf(each, set, children ? parent : undefined, known);
      settled.set(each, parent);
    }
  }
  return processes.flatMap((process) => settled.get(process) ?? []);
}

function memberOf(
  process: ProcessSnapshot,
  set: ProcessSet,
  parent: Member | undefined,
  known: ReadonlyMap<string, string>,
): Member | undefined {
  if (process.kernel || process.untouchable) return undefined;
  const identity = identityOf(process);
  const root = known.get(identity) ?? parent?.root ?? (isIn(set, process) ? identity : undefined);
  return root === undefined ? undefined : { process, identity, root };
}
