import type { Clock } from "../clock.js";
import { isVmmschedError, messageOf } from "../errors.js";
import type { DomainBook } from "../journal/journal-book.js";
import type { JournalFile } from "../journal/journal-file.js";
import type { Cycle } from "./cycle.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { RecoveryLog } from "./recovery-log.js";
import type { LeftEntry, RecoveryReport } from "./recovery-report.js";
import type { SchedulerLoop } from "./scheduler-loop.js";

/** What was left shows in the guest within a few scans, and hidden tasks within a few more. */
const leastTicks = 10;
/** For a domain that the journal names and the host does not list; and for one whose kernel is not recognised. */
const absentNs = 3e9;
const patienceNs = 15e9;
const lookEveryNs = 50e6;
const notYet = "it is let go, but has not run again yet: is its domain paused?";

/** What a recovery works with. */
export interface RecoveryParts {
  readonly registry: DomainRegistry;
  /** Without policies, so that nobody wishes anything. */
  readonly cycle: Cycle;
  readonly loop: SchedulerLoop;
  readonly journal: JournalFile;
  readonly clock: Clock;
  /** That of all of these. */
  readonly log: RecoveryLog;
}

/**
 * Puts right what a dead scheduler left: the tasks that it held, by its journal and by what the guests show, run again, and priorities and
 * shares are the guests' and the host's own. Each is compared first, as every edit is. What was done already is not found any more,
 * so it can be done again at any time.
 */
export async function recover(parts: RecoveryParts): Promise<RecoveryReport> {
  const { registry, loop, journal, clock, log } = parts;
  await registry.attachAll(clock.nowNs());
  await loop.start();
  // What ends it is told by stop().
  loop.ended.catch(() => undefined);
  const sinceNs = clock.nowNs();
  while (!isDone(parts, clock.nowNs() - sinceNs)) await clock.sleep(lookEveryNs);
  for (const book of journal.book.domains) if (isOpen(book) && isAbsent(book, registry)) drop(book, parts);
  const unmanaged = registry.domains.filter(({ reason }) => reason !== "");
  const reasons = new Map(unmanaged.map(({ info, reason }) => [info.uuid, reason]));
  let failure: string | undefined;
  try {
    await loop.stop("graceful");
  } catch (error) {
    if (!isVmmschedError(error)) throw error;
    failure = messageOf(error);
    log.problems.push(failure);
  }
  const left = [...journal.book.domains].flatMap((book) =>
    leftIn(book, reasons.get(book.domain.uuid) ?? failure ?? notYet),
  );
  journal.close();
  const { undone, dropped, problems } = log;
  return { schema: 1, complete: left.length === 0 && failure === undefined, undone, dropped, left, problems };
}

function isDone({ loop, cycle, journal, registry }: RecoveryParts, passedNs: number): boolean {
  if (passedNs >= patienceNs) return true;
  if (loop.counts.ticks < leastTicks || registry.domains.some(({ status }) => status === "attaching"))
    return false;
  if (cycle.journal.inheritanceIsSettled && cycle.allReleased()) return true;
  const open = [...journal.book.domains].filter(isOpen);
  return passedNs >= absentNs && open.every((book) => isAbsent(book, registry));
}

function isOpen({ holds, priorities, share }: DomainBook): boolean {
  return holds.size + priorities.size > 0 || share !== undefined;
}

function isAbsent({ domain: { uuid } }: DomainBook, { domains }: DomainRegistry): boolean {
  return domains.every(({ info }) => info.uuid !== uuid);
}

function drop({ domain, holds, priorities, share }: DomainBook, { journal, log }: RecoveryParts): void {
  const { name, uuid } = domain;
  const counts = { holds: holds.size, priorities: priorities.size, share: share !== undefined };
  log.dropped.push({ domain: name, uuid, reason: "its domain is not there any more", ...counts });
  journal.apply({ kind: "settled", domain: domain.domain, what: "domain" });
}

function leftIn({ domain, holds, priorities, share }: DomainBook, reason: string): readonly LeftEntry[] {
  const where = { domain: domain.name, uuid: domain.uuid };
  const tasks = [...holds.values(), ...priorities.values()].map(({ record }) => {
    const { kind: what, process: pid, id: tid, name } = record;
    return { ...where, what, pid, tid, name, reason };
  });
  return share === undefined ? tasks : [...tasks, { ...where, what: "share", reason }];
}
