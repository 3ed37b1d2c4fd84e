import { noCap, noIoLimit, noWeight, shareMembers, wishedShare, type ShareMember } from "../../share.js";
import type { PolicyAnswer } from "../../policies/policy-answer.js";
import type { DomainSnapshot, TaskSnapshot } from "../../policy.js";
import type { Cycle, LastTick } from "../cycle.js";
import type { ManagedDomain } from "../managed-domain.js";
import type { DomainExplanation, ShareExplanation } from "./explanation.js";

/** Of the domain in row `row` of the last snapshot, in which it was as `seen`. */
export function explainDomain(
  domain: ManagedDomain,
  row: number,
  seen: DomainSnapshot,
  cycle: Cycle,
  last: LastTick,
  answers: readonly PolicyAnswer[],
  nowNs: number,
): DomainExplanation {
  const { info, managed, reason, profile, kernel, leaving } = domain;
  const { id, uuid, name, kind, paused, vcpuCount, cpuTimeNs } = info;
  const processes = managed ? seen.processes : [];
  const tasks = processes.flatMap(({ threads }) => threads);
  const { os, version, capabilities } = kernel?.description ?? {};
  const lost = cycle.guard.lostSay(domain);
  return {
    ...{ id, uuid, name, kind, managed, leaving, paused, vcpuCount, cpuTimeNs },
    ...(managed ? {} : { reason: reason || "its task lists could not be read in the last tick" }),
    ...(lost === undefined ? {} : { noSay: lost.reason }),
    ...(profile === undefined ? {} : { profile: { name: profile.name, version: profile.version } }),
    ...(os === undefined || version === undefined || capabilities === undefined
      ? {}
      : { os, version, capabilities }),
    cpuTimeDeltaNs: domain.cpuTimeDeltaNs,
    processCount: processes.length,
    threadCount: tasks.length,
    heldCount: tasks.filter(({ hold }) => hold !== "none").length,
    changedPriorityCount: managed ? domain.priorities.changed().length : 0,
    wishes: answers.map((answer) => ({ policy: answer.policy, ...countWishes(answer, tasks) })),
    share: explainShare(domain, row, cycle, last, answers, nowNs),
  };
}

function countWishes(answer: PolicyAnswer, tasks: readonly TaskSnapshot[]) {
  const wishes = tasks.map(({ row }) => answer.taskWish(row));
  return {
    holdCount: wishes.filter(({ hold }) => hold !== undefined).length,
    niceCount: wishes.filter(({ nice }) => nice !== undefined).length,
  };
}

function explainShare(
  domain: ManagedDomain,
  row: number,
  { shares, shareTimes }: Cycle,
  { wishes }: LastTick,
  answers: readonly PolicyAnswer[],
  nowNs: number,
): ShareExplanation {
  const wished = answers
    .map((answer) => ({ policy: answer.policy, ...answer.shareWish(row) }))
    .filter((wish) => shareMembers.some((member) => wish[member] !== undefined));
  const what = wishedShare(
    wishes.weights[row] ?? noWeight,
    wishes.caps[row] ?? noCap,
    wishes.ioLimits[row] ?? noIoLimit,
  );
  const counts = shareMembers.flatMap((member) => {
    const value = what[member];
    const because = wishes.shareReasons[member][row] ?? "";
    return value === undefined ? [] : [[member, { value, because, rule: rules[member] }] as const];
  });
  const { present, own } = domain.shares;
  const [sinceNs, problem] = [shareTimes.sinceNs(domain), shares.problemOf(domain)];
  return {
    wished,
    counts: Object.fromEntries(counts),
    ...(present === undefined ? {} : { present }),
    ...(sinceNs === undefined ? {} : { presentForNs: nowNs - sinceNs }),
    ...(own === undefined ? {} : { own }),
    ...(problem === undefined ? {} : { problem }),
  };
}

const rules: Readonly<Record<ShareMember, string>> = {
  weight: "the smallest weight that is wished counts",
  capPercent: "the smallest cap that is wished counts; 0, no cap, is the greatest",
  ioBytesPerSecond: "the smallest I/O limit that is wished counts; 0, no limit, is the greatest",
};
