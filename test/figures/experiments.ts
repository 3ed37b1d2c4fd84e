import type { ConfiguredPolicy } from "../../core/plugins/configure.js";
import type { DomainSpec } from "../../native/simulated/index.js";
import idleOnly, { type Options as IdleOnlyOptions } from "../../plugins/idle-only/index.js";
import priorityTiers, { type Options as TierOptions } from "../../plugins/priority-tiers/index.js";
import timeQuota, { type Options as QuotaOptions } from "../../plugins/time-quota/index.js";
import { defaults } from "../plugins/idle-only/sketches.js";
import { tier } from "../plugins/priority-tiers/tiers.js";

/** A run on the simulated host, and what its figure is called. */
export interface Experiment {
  readonly title: string;
  readonly seconds: number;
  readonly domains: readonly DomainSpec[];
  readonly pcpuCount: number;
  readonly policies: readonly ConfiguredPolicy[];
}

const burn = { kind: "burn" } as const;
const service = { comm: "service", workload: { kind: "alternate", busyMs: 2000, idleMs: 3000 } } as const;
const editor = { comm: "editor.exe", workload: { kind: "alternate", busyMs: 1000, idleMs: 5500 } } as const;
const backup = { comm: "backup", workload: burn } as const;
const indexer = { comm: "indexer.exe", workload: burn } as const;

/** Two domains with Linux and one with Windows. */
function mixed(web: DomainSpec["processes"], webVcpus = 1): readonly DomainSpec[] {
  return [
    { name: "batch", kind: "pv", processes: [backup] },
    { name: "web", kind: "pvh", vcpuCount: webVcpus, processes: web ?? [] },
    { name: "desktop", kind: "hvm", os: "windows", windowsBuild: 7601, processes: [indexer, editor] },
  ];
}

const idleOptions: IdleOnlyOptions = {
  ...defaults,
  background: [
    { domain: "batch", process: "backup" },
    { domain: "desktop", process: "indexer.exe" },
  ],
  ignore: ["smss", "csrss", "wininit", "services", "lsass", "svchost"].map((name) => {
    return { domain: "desktop", process: `${name}.exe` };
  }),
  idleTicks: 2,
};

const quotaOptions: QuotaOptions = {
  budgets: [
    {
      ...{ name: "background", processes: [{ domain: "*", process: "backup" }], children: true },
      ...{ sharing: "each", limits: [{ percent: 30, percentOf: "cpu", periodMs: 1000, burstMs: 0 }] },
    },
    {
      ...{ name: "index", processes: [{ domain: "*", process: "indexer.exe" }], children: true },
      ...{ sharing: "each", limits: [{ percent: 50, percentOf: "cpu", periodMs: 1000, burstMs: 0 }] },
    },
  ],
  maxWaitMs: 600_000,
};

const tierOptions: TierOptions = {
  tiers: [
    tier("service", 1000, { strict: true }),
    { ...tier("normal", 100), processes: [] },
    { ...tier("spare", 10), processes: [{ domain: "*", process: "backup" }] },
  ],
  defaultTier: "normal",
  ...{ busyTicks: 1, idleTicks: 1, settleTicks: 2, ioTicks: 20, meanWeight: 256, weightOf: "vcpu" },
};

const policies = {
  idleOnly: { name: "idle-only", policy: idleOnly, options: idleOptions },
  timeQuota: { name: "time-quota", policy: timeQuota, options: quotaOptions },
  priorityTiers: { name: "priority-tiers", policy: priorityTiers, options: tierOptions },
} as const;

const twoThreads = {
  comm: "service",
  workload: { kind: "threads", count: 2, each: { kind: "alternate", busyMs: 3000, idleMs: 4000 } },
} as const;

/** By name of the figure's file. */
export const experiments: Readonly<Record<string, Experiment>> = {
  "idle-only": {
    title: "idle-only: background runs only while all other domains are idle",
    ...{ seconds: 20, domains: mixed([service]), pcpuCount: 3, policies: [policies.idleOnly] },
  },
  "time-quota": {
    title: "time-quota: 30 % of a CPU for the backup, 50 % for the indexer",
    ...{ seconds: 20, domains: mixed([service]), pcpuCount: 3, policies: [policies.timeQuota] },
  },
  "priority-tiers": {
    title: "priority-tiers: a strict service; normal and spare share what it leaves, 100 to 10",
    ...{ seconds: 20, domains: mixed([service]), pcpuCount: 1, policies: [policies.priorityTiers] },
  },
  "all-three": {
    title: "All three: idle-only for the indexer, a quota for the backup, a strict service",
    ...{ seconds: 30, domains: mixed([twoThreads], 2), pcpuCount: 2 },
    policies: [
      {
        ...policies.idleOnly,
        options: { ...idleOptions, background: [{ domain: "desktop", process: "indexer.exe" }] },
      },
      { ...policies.timeQuota, options: { ...quotaOptions, budgets: quotaOptions.budgets.slice(0, 1) } },
      policies.priorityTiers,
    ],
  },
};
