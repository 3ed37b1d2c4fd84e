import type { DomainSnapshot, HostSnapshot, ProcessSnapshot } from "vmmsched/plugin-api";
import { charge, openAccount, rest, withLimits, type Account } from "./account.js";
import type { QuotaLimit } from "./limit.js";
import { membersNow, type Members } from "./membership.js";
import { processSet, type ProcessPattern, type ProcessSet } from "./process-pattern.js";
import { sightingOf, usedSince, type Sighting } from "./sighting.js";

/** Limits, and the processes that they are for. */
export interface Budget {
  readonly name: string;
  readonly processes: readonly ProcessPattern[];
  /** Do their children spend with them, whatever they are called? */
  readonly children: boolean;
  /** Do all these processes spend one budget, or has each its own, with its children? */
  readonly sharing: "together" | "each";
  readonly limits: readonly QuotaLimit[];
}

/** How a budget stands. Plain data. */
export interface Standing {
  readonly budget: Budget;
  readonly set: ProcessSet;
  members: Members;
  /** By uuid of the domain, then by identity. */
  sightings: ReadonlyMap<string, ReadonlyMap<string, Sighting>>;
  /** By who spends it: {@link everybody}, or uuid and identity of the process that matched. */
  accounts: ReadonlyMap<string, Account>;
}

/** A process that has to wait, and the limit that it waits for. */
export interface Waiting {
  readonly process: ProcessSnapshot;
  readonly limit: QuotaLimit;
}

interface Spending {
  readonly processes: ProcessSnapshot[];
  usedNs: number;
  threadCount: number;
}

const everybody = "";

/** Begins a budget, or goes on where the one before it was; under other patterns, with those only who match these. */
export function standingOf(budget: Budget, before?: Standing): Standing {
  const isSame = before !== undefined && patternsOf(before.budget) === patternsOf(budget);
  const goesOn = before?.budget.sharing === budget.sharing;
  return {
    budget,
    set: processSet(budget.processes),
    members: isSame ? before.members : new Map<string, ReadonlyMap<string, string>>(),
    sightings: before?.sightings ?? new Map<string, ReadonlyMap<string, Sighting>>(),
    accounts: new Map(
      goesOn
        ? Array.from(before.accounts, ([key, account]) => [key, withLimits(account, budget.limits)] as const)
        : [],
    ),
  };
}

/** The part of what a domain accounted in the last interval that is true, 0 to 1. */
export type UsedPart = (domain: DomainSnapshot) => number;

/** Charges what its processes used since the tick before; returns those that have to wait. */
export function settleBudget(
  standing: Standing,
  host: HostSnapshot,
  maxWaitNs: number,
  usedPart: UsedPart,
): readonly Waiting[] {
  const { limits, sharing } = standing.budget;
  const spendings = takeStock(standing, host, usedPart);
  if (sharing === "together" && !spendings.has(everybody))
    spendings.set(everybody, { processes: [], usedNs: 0, threadCount: 0 });
  const accounts = restingAccounts(standing, host);
  const short = new Map<ProcessSnapshot, QuotaLimit>();
  for (const [key, spending] of spendings) {
    const account = standing.accounts.get(key) ?? openAccount(host.timeNs);
    accounts.set(key, account);
    const limit = charge(account, limits, spending, host, maxWaitNs);
    if (spending.processes.length === 0) rest(account);
    if (limit !== undefined) for (const process of spending.processes) short.set(process, limit);
  }
  standing.accounts = accounts;
  return Array.from(short, ([process, limit]) => ({ process, limit }));
}

/** Who is there, and used how much, by account. Those that are gone are forgotten; what they used has been charged. */
function takeStock(standing: Standing, host: HostSnapshot, usedPart: UsedPart): Map<string, Spending> {
  const { budget, set } = standing;
  const { members, present } = membersNow(set, budget.children, host, standing.members);
  const spendings = new Map<string, Spending>();
  const sightings = new Map<string, ReadonlyMap<string, Sighting>>();
  for (const domain of host.domains) {
    const before = standing.sightings.get(domain.uuid);
    if (!domain.managed && before !== undefined) sightings.set(domain.uuid, before);
    const found = present.get(domain);
    if (found === undefined) continue;
    const part = usedPart(domain);
    sightings.set(
      domain.uuid,
      new Map(found.map(({ process, identity }) => [identity, sightingOf(process, host.timeNs)])),
    );
    for (const { process, identity, root } of found) {
      const key = budget.sharing === "together" ? everybody : accountOf(domain.uuid, root);
      const spending = spendings.get(key) ?? { processes: [], usedNs: 0, threadCount: 0 };
      spendings.set(key, spending);
      spending.processes.push(process);
      spending.usedNs += usedSince(before?.get(identity), process, host, part);
      spending.threadCount += process.threads.length;
    }
  }
  standing.members = members;
  standing.sightings = sightings;
  return spendings;
}

/** Accounts of processes that cannot be seen now, as their domains cannot be read: debts stay, nobody spends. */
function restingAccounts({ members, accounts }: Standing, host: HostSnapshot): Map<string, Account> {
  const resting = new Map<string, Account>();
  for (const { uuid, managed } of host.domains) {
    if (managed) continue;
    for (const root of members.get(uuid)?.values() ?? []) {
      const key = accountOf(uuid, root);
      const account = accounts.get(key);
      if (account === undefined) continue;
      rest(account);
      resting.set(key, account);
    }
  }
  return resting;
}

function accountOf(uuid: string, root: string): string {
  return `${uuid}/${root}`;
}

function patternsOf({ processes, children }: Budget): string {
  return JSON.stringify([processes, children]);
}
