import type { Log, LogFields } from "../../../core/log.js";
import { InProcessPolicies } from "../../../core/policies/in-process-policies.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { SimulatedHost } from "../../../native/simulated/index.js";
import idleOnly, { type Options as IdleOnlyOptions } from "../../../plugins/idle-only/index.js";
import priorityTiers, { type Options as TierOptions } from "../../../plugins/priority-tiers/index.js";
import timeQuota, { type Options as QuotaOptions } from "../../../plugins/time-quota/index.js";
import type { ConfiguredPolicy } from "../../../core/plugins/configure.js";
import { linuxProfile, ScheduledHost, windowsProfile } from "../../core/cycle/scheduled-host.js";
import { defaults } from "../../plugins/idle-only/sketches.js";
import { tier } from "../../plugins/priority-tiers/tiers.js";

/** Fewer than the vCPUs of all domains together: domains are short of CPUs, and a strict tier can want them all. */
export const pcpuCount = 3;
export const vcpuCounts: Readonly<Record<string, number>> = { db: 2, web: 1, desktop: 2 };

const domains: readonly DomainSpec[] = [
  { name: "db", kind: "pv", vcpuCount: vcpuCounts.db ?? 1 },
  { name: "web", kind: "pvh", vcpuCount: vcpuCounts.web ?? 1 },
  { name: "desktop", kind: "hvm", os: "windows", windowsBuild: 7601, vcpuCount: vcpuCounts.desktop ?? 1 },
];

/** How probably each vCPU is in the midst of something when a tick begins. */
const lockProbability = 0.1;

const byName = (process: string) => [{ domain: "*", process }];

export const idleOnlyOptions: IdleOnlyOptions = { ...defaults, background: byName("*backgr*"), idleTicks: 2 };

export const quotaOptions: QuotaOptions = {
  budgets: [
    {
      ...{ name: "jobs", processes: byName("*job*"), children: true, sharing: "together" },
      limits: [{ percent: 40, percentOf: "cpu", periodMs: 1000, burstMs: 0 }],
    },
    {
      ...{ name: "scans", processes: byName("*scan*"), children: true, sharing: "each" },
      limits: [{ percent: 20, percentOf: "cpu", periodMs: 500, burstMs: 100 }],
    },
  ],
  maxWaitMs: 600_000,
};

export const tierOptions: TierOptions = {
  tiers: [
    tier("urgent", 1000, { strict: true }),
    tier("spare", 10),
    { ...tier("plain", 100), processes: [] },
  ],
  defaultTier: "plain",
  ...{ busyTicks: 1, idleTicks: 1, settleTicks: 2, ioTicks: 20, meanWeight: 256, weightOf: "vcpu" },
};

export const configuredPolicies: readonly ConfiguredPolicy[] = [
  { name: "idle-only", policy: idleOnly, options: idleOnlyOptions },
  { name: "time-quota", policy: timeQuota, options: quotaOptions },
  { name: "priority-tiers", policy: priorityTiers, options: tierOptions },
];

/** Two domains with Linux and one with Windows, and the whole scheduler with all three policies. `failures`: what policies threw. */
export function mixedHost(seed: number, failures: LogFields[]): ScheduledHost {
  const host = new SimulatedHost({ domains, seed, lockProbability, pcpuCount });
  const ignore = () => undefined;
  const log: Log = {
    ...{ trace: ignore, debug: ignore, info: ignore, warn: ignore },
    error: (fields) => void failures.push(fields),
  };
  return new ScheduledHost({
    ...{ domains, host, profiles: [linuxProfile, windowsProfile] },
    policies: (columns) => new InProcessPolicies(configuredPolicies, columns, log),
  });
}
