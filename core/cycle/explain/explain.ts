import type { PolicyAnswers } from "../../policies/policy-answer.js";
import type { ProcessSnapshot } from "../../policy.js";
import type { Cycle } from "../cycle.js";
import type { DomainRegistry } from "../domain-registry.js";
import { explainDomain } from "./domain.js";
import type { Explanation, ProcessExplanation } from "./explanation.js";
import { findDomain, findProcesses } from "./find.js";
import { explainThread, type ThreadFacts } from "./thread.js";

/** Where an explanation comes from. */
export interface ExplainSources {
  readonly cycle: Cycle;
  readonly registry: DomainRegistry;
  readonly policies: PolicyAnswers;
  readonly dryRun: boolean;
  nowNs(): number;
}

/**
 * Who wishes what for a domain, and for a process in it, what of it counts and what is in force. `domain` is a name, an id or a
 * uuid. Between two ticks; undefined before the first one. Throws ERR_DOMAIN_UNKNOWN, ERR_DOMAIN_AMBIGUOUS or ERR_PROCESS_UNKNOWN.
 */
export function explain(sources: ExplainSources, domain: string, pid?: string): Explanation | undefined {
  const { cycle, registry, dryRun } = sources;
  const { last } = cycle;
  if (last === undefined) return undefined;
  const nowNs = sources.nowNs();
  const managed = findDomain(registry.domains, domain);
  const row = registry.domains.indexOf(managed);
  const seen = cycle.view().domains[row];
  if (seen === undefined) return undefined;
  // What policies said last is of another snapshot when they were not asked.
  const answers = last.releaseAll ? [] : sources.policies.lastAnswers;
  const found =
    pid === undefined ? undefined : findProcesses(managed, managed.managed ? seen.processes : [], pid);
  const facts = {
    ...{ last, nowNs, columns: cycle.columns, answers, kernel: managed.kernel, dryRun },
    changed: new Map(managed.priorities.changed().map((entry) => [entry.address, entry])),
  };
  return {
    schema: 1,
    tickAgoNs: nowNs - last.beganNs,
    dryRun,
    policies: answers.map(({ policy: name, answer }) => ({ name, answer })),
    domain: explainDomain(managed, row, seen, cycle, last, answers, nowNs),
    ...(found === undefined
      ? {}
      : { processes: found.map((process) => explainProcess(process, cycle, facts)) }),
  };
}

function explainProcess(
  process: ProcessSnapshot,
  { history }: Cycle,
  facts: Omit<ThreadFacts, "times">,
): ProcessExplanation {
  const { pid, parentPid, name, kernel, untouchable, hidden, cgroup, argv0 } = process;
  return {
    ...{ pid, name, kernel, untouchable, hidden },
    ...(parentPid === undefined ? {} : { parentPid }),
    ...(cgroup === undefined ? {} : { cgroup }),
    ...(argv0 === undefined ? {} : { argv0 }),
    threads: process.threads.map((task) =>
      explainThread(task, { ...facts, times: history.timesOf(task.row) }),
    ),
  };
}
