import assert from "node:assert/strict";
import { explain, type ExplainSources } from "../../../../core/cycle/explain/explain.js";
import type { Explanation } from "../../../../core/cycle/explain/explanation.js";
import { silentLog } from "../../../../core/log.js";
import type { ConfiguredPolicy } from "../../../../core/plugins/configure.js";
import { InProcessPolicies } from "../../../../core/policies/in-process-policies.js";
import type { HostSnapshot, Wish } from "../../../../core/policy.js";
import idleOnly, { type Options as IdleOptions } from "../../../../plugins/idle-only/index.js";
import priorityTiers, { type Options as TierOptions } from "../../../../plugins/priority-tiers/index.js";
import timeQuota, { type Options as QuotaOptions } from "../../../../plugins/time-quota/index.js";
import { defaults } from "../../../plugins/idle-only/sketches.js";
import { options as tierOptions, tier } from "../../../plugins/priority-tiers/tiers.js";
import { intervalNs, ScheduledHost, type ScheduledHostOptions } from "../scheduled-host.js";

const idle: IdleOptions = { ...defaults, background: [{ domain: "*", process: "back*" }] };
const quota: QuotaOptions = {
  budgets: [
    {
      name: "half",
      processes: [{ domain: "*", process: "job*" }],
      children: true,
      sharing: "each",
      limits: [{ percent: 50, percentOf: "cpu", periodMs: 400, burstMs: 0 }],
    },
  ],
  maxWaitMs: 600_000,
};
const tiers: TierOptions = {
  ...tierOptions,
  tiers: [tier("web", 80), tier("job", 40), tier("back", 10)],
  defaultTier: "job",
};

/** Three policies that come along, all of which want something of the same processes. */
export const together: readonly ConfiguredPolicy[] = [
  { name: "idle-only", policy: idleOnly, options: idle },
  { name: "time-quota", policy: timeQuota, options: quota },
  { name: "priority-tiers", policy: priorityTiers, options: tiers },
];

/** What one policy wishes, by what the test itself asked it. */
export interface Asked {
  readonly policy: string;
  readonly wishes: readonly Wish[];
}

/** A scheduled host whose every task can be explained, and whose policies are asked a second time for what they wish. */
export class ExplainedHost {
  readonly scheduled: ScheduledHost;
  readonly sources: ExplainSources;
  /** Of the last tick. */
  asked: readonly Asked[] = [];

  constructor(options: ScheduledHostOptions, policies: readonly ConfiguredPolicy[] = together) {
    let inProcess: InProcessPolicies | undefined;
    this.scheduled = new ScheduledHost({
      ...options,
      policies: (columns) => (inProcess = new InProcessPolicies(policies, columns, silentLog)),
    });
    assert.ok(inProcess);
    const { cycle, registry, host } = this.scheduled;
    const dryRun = options.dryRun ?? false;
    this.sources = { cycle, registry, policies: inProcess, dryRun, nowNs: () => host.nowNs };
    const states = policies.map(({ policy, options: given }) => policy.init?.(given, undefined));
    const ask = (seen: HostSnapshot): readonly Asked[] =>
      policies.map(({ name, policy, options: given }, i) => ({
        policy: name,
        wishes: [...policy.decide(seen, given, states[i])],
      }));
    cycle.ticked = () => (this.asked = ask(cycle.view()));
  }

  /** Of a domain, and of a process in it. */
  explain(domain: string, pid?: number): Explanation {
    const explanation = explain(this.sources, domain, pid === undefined ? undefined : String(pid));
    assert.ok(explanation);
    return explanation;
  }

  /** Lets a tick's interval pass, without the tick. */
  pass(): void {
    this.scheduled.host.advance(intervalNs);
  }
}
