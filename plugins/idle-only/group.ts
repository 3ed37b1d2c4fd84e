import type { DomainSnapshot, HostSnapshot, ProcessSnapshot } from "vmmsched/plugin-api";
import { obstacles, watchOf, type Watch } from "./condition.js";
import { membersNow, type Member, type Members } from "./membership.js";
import type { Group, Rules } from "./options.js";
import { processSet, type ProcessSet } from "./process-pattern.js";
import { firstStanding, isHeldNow, nextStanding, type Standing } from "./standing.js";
import { unexplainedNow, type DomainLoad, type Unexplained } from "./work.js";

/** What is remembered of a group. Plain data. */
export interface GroupState {
  readonly options: Group & Rules;
  readonly set: ProcessSet;
  readonly watch: Watch;
  members: Members;
  /** By uuid of the domain that its processes live in. */
  standings: ReadonlyMap<string, Standing>;
  unexplained: Unexplained;
}

/** A process that is to be held, and what speaks against letting it run, as far as it does still. */
export interface Waiting {
  readonly process: ProcessSnapshot;
  readonly reason: string | undefined;
}

/** The members of a group that are there now. */
type Present = ReadonlyMap<DomainSnapshot, readonly Member[]>;

/** Begins a group, or goes on where the one before it was; under other patterns, with those only who match these. */
export function beginGroup(options: Group & Rules, before?: GroupState): GroupState {
  const isSame = before !== undefined && patternsOf(before.options) === patternsOf(options);
  return {
    options,
    set: processSet(options.processes),
    watch: watchOf(options.runsWhile),
    members: isSame ? before.members : new Map<string, ReadonlyMap<string, string>>(),
    standings: before?.standings ?? new Map<string, Standing>(),
    unexplained: before?.unexplained ?? new Map<string, number>(),
  };
}

/** Finds out who belongs to the group now. */
export function membersOfGroup(group: GroupState, host: HostSnapshot): Present {
  const { members, present } = membersNow(group.set, group.options.children, host, group.members);
  group.members = members;
  return present;
}

/** Looks at the host, and returns who of the group has to wait. */
export function settleGroup(
  group: GroupState,
  tick: { readonly host: HostSnapshot; readonly loads: readonly DomainLoad[]; readonly present: Present },
): readonly Waiting[] {
  const { host, loads, present } = tick;
  const rules = group.options;
  group.unexplained = unexplainedNow(loads, rules, group.unexplained, host.intervalNs);
  const own = new Set([...present.values()].flat().map(({ process }) => process));
  const obstacle = obstacles(group.watch, { host, loads, rules, unexplained: group.unexplained, own });
  const standings = new Map<string, Standing>();
  const waiting: Waiting[] = [];
  for (const domain of host.domains) {
    const known = group.standings.get(domain.uuid);
    const members = present.get(domain);
    if (members === undefined) {
      // One that cannot be read now may be readable again at the next tick.
      if (known !== undefined && !domain.managed) standings.set(domain.uuid, known);
      continue;
    }
    const before =
      known ??
      firstStanding(
        members.some(({ process }) => isHeld(process)),
        host.timeNs,
      );
    const reason = obstacle(domain);
    // The first snapshot has no interval to judge by: what is stays.
    const standing =
      host.intervalNs === 0 ? before : nextStanding(before, reason !== undefined, rules, host.timeNs);
    standings.set(domain.uuid, standing);
    if (isHeldNow(standing)) waiting.push(...members.map(({ process }) => ({ process, reason })));
  }
  group.standings = standings;
  return waiting;
}

function patternsOf({ processes, children }: Group): string {
  return JSON.stringify([processes, children]);
}

/** Held already, by us in an earlier life: the state is lost, the hold is not. */
function isHeld(process: ProcessSnapshot): boolean {
  return process.threads.some((thread) => thread.hold === "held" || thread.hold === "holding");
}
