import type { DomainExplanation, Explanation, ProcessExplanation } from "../cycle/explain/explanation.js";
import type { Capability } from "../guest-profile.js";
import { shareMembers, shareText, type ShareMember } from "../share.js";
import { ago, facts, lasting, reasoned, type Fact } from "./explain-facts.js";
import { threadFacts, threadRow } from "./explain-thread.js";
import { tableLines } from "./table.js";
import { printable } from "./terminal.js";

const headings = ["TID", "NAME", "STATE", "CPU", "CPU-TIME", "STARTED", "PRIORITY", "NICE", "HOLD"];
const rightAligned = new Set(["TID", "CPU", "CPU-TIME", "STARTED", "PRIORITY", "NICE"]);

/** An explanation, a page for people. */
export function explanationPage(explanation: Explanation): string {
  const { domain, processes } = explanation;
  const lines = [
    `${printable(domain.name)} (domain ${String(domain.id)}, ${domain.kind}): ${statusOf(domain)}`,
    "",
    ...facts(domainFacts(explanation)),
    ...(processes ?? []).flatMap((process) => ["", ...processLines(process)]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function statusOf({ managed, reason, profile, os, version }: DomainExplanation): string {
  if (!managed) return `unmanaged: ${printable(reason ?? "no reason known")}`;
  const by = profile === undefined ? "" : ` by ${profile.name} ${profile.version}`;
  return `managed${by}; it runs ${printable(`${os ?? "?"} ${version ?? ""}`.trim())}`;
}

function domainFacts({ domain, tickAgoNs, dryRun, policies, processes }: Explanation): readonly Fact[] {
  const { paused, leaving, managed, capabilities, share } = domain;
  return [
    ["as of", [`the last tick, ${ago(tickAgoNs)}`]],
    ["dry run", dryRun ? ["nothing is done: what counts is only told"] : []],
    ["policies", policies.length === 0 ? ["none"] : policies.map(policyText)],
    [
      "state",
      [
        ...(paused ? ["paused"] : []),
        ...(domain.noSay === undefined ? [] : [`it has no say: ${printable(domain.noSay)}`]),
        ...(leaving ? ["its guest profile was removed: everything in it is being undone"] : []),
      ],
    ],
    ["cannot", Object.entries(capabilities ?? {}).flatMap(([what, can]) => cannot(what, can))],
    // What they wish for one process is told there.
    ["wishes", processes === undefined ? domain.wishes.map(wishCounts) : []],
    ["threads", processes === undefined && managed ? [threadCounts(domain)] : []],
    ["share", shareLines(share)],
  ];
}

function policyText({ name, answer }: Explanation["policies"][number]): string {
  if (answer === "answered") return name;
  return answer === "late"
    ? `${name} (its answer is late: it is taken to wish what it wished before)`
    : `${name} (it has failed, and wishes nothing)`;
}

function cannot(what: string, capability: Capability): readonly string[] {
  return capability.can ? [] : [`${what}: ${printable(capability.why)}`];
}

function wishCounts({ policy, holdCount, niceCount }: DomainExplanation["wishes"][number]): string {
  return `${policy}: holds of ${String(holdCount)} threads, nice values of ${String(niceCount)}`;
}

function threadCounts(domain: DomainExplanation): string {
  const { processCount, threadCount, heldCount, changedPriorityCount } = domain;
  return `${String(threadCount)} in ${String(processCount)} processes; ${String(heldCount)} held, ${String(changedPriorityCount)} at a priority not their own`;
}

function shareLines(share: DomainExplanation["share"]): readonly string[] {
  const { wished, counts, present, presentForNs, own, problem } = share;
  const each = <Value>(
    of: Readonly<Partial<Record<ShareMember, Value>>>,
    line: (value: Value, member: ShareMember) => string,
  ) =>
    shareMembers.flatMap((member) => {
      const value = of[member];
      return value === undefined ? [] : [line(value, member)];
    });
  return [
    ...wished.flatMap(({ policy, ...wish }) =>
      each(
        wish,
        ({ value, reason }, member) => `${policy} wishes ${reasoned(shareText({ [member]: value }), reason)}`,
      ),
    ),
    ...each(
      counts,
      ({ value, rule, because }, member) =>
        `${shareText({ [member]: value })} counts: ${rule} (${printable(because)})`,
    ),
    present === undefined
      ? "in force: not known, and not ours to change"
      : `in force: ${shareText(present)}${lasting(presentForNs)}; ${own === undefined ? "that is its own" : `its own is ${shareText(own)}`}`,
    ...(problem === undefined ? [] : [`it cannot be set: ${printable(problem)}`]),
  ];
}

function processLines(process: ProcessExplanation): readonly string[] {
  const { pid, parentPid, name, threads, cgroup, argv0 } = process;
  const remarks = [
    ...(parentPid === undefined ? [] : [`started by ${String(parentPid)}`]),
    ...(process.kernel ? ["a thread of the kernel"] : []),
    ...(process.untouchable ? ["never touched"] : []),
    ...(process.hidden ? ["hidden by its guest"] : []),
    ...(cgroup === undefined ? [] : [`cgroup ${printable(cgroup)}`]),
    ...(argv0 === undefined ? [] : [`argv[0] ${printable(argv0)}`]),
  ];
  const table = tableLines(headings, threads.map(threadRow), rightAligned);
  return [
    [`process ${String(pid)} ${printable(name)}`, ...remarks].join(", "),
    "",
    ...table.map((line) => `  ${line}`),
    ...threadGroups(process),
  ];
}

/** What is the same of several threads is told once. */
function threadGroups({ threads }: ProcessExplanation): readonly string[] {
  const groups = new Map<string, number[]>();
  for (const thread of threads) {
    const text = facts(threadFacts(thread)).join("\n");
    groups.set(text, [...(groups.get(text) ?? []), thread.tid]);
  }
  return [...groups].flatMap(([text, tids]) => [
    "",
    ...(threads.length === 1
      ? []
      : [tids.length === threads.length ? "all threads:" : `threads ${tids.join(", ")}:`]),
    ...text.split("\n"),
  ]);
}
