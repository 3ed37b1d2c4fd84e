import type { DomainSnapshot, ProcessSnapshot } from "vmmsched/plugin-api";

/** For how long what was accounted counts, in ns: by half after 0.7 of it. */
const memoryNs = 1e9;

/** What one domain was charged lately, older intervals for less. Plain data. */
export interface PauseCharge {
  readonly accountedNs: number;
  readonly chargedNs: number;
  readonly pausedNs: number;
}

/** What of a domain tells it. */
export interface ChargedDomain extends Pick<DomainSnapshot, "cpuTimeDeltaNs" | "pausedNs" | "vcpuCount"> {
  readonly processes: readonly Pick<ProcessSnapshot, "cpuTimeDeltaNs">[];
}

const nothing: PauseCharge = { accountedNs: 0, chargedNs: 0, pausedNs: 0 };

/**
 * By guest and by hypervisor, up to now. Both are read at different moments, so that one interval may have some of the next or of the one before: only
 * over several it shows who accounts more.
 */
export function chargeOf(domain: ChargedDomain, intervalNs: number, before = nothing): PauseCharge {
  const kept = Math.exp(-intervalNs / memoryNs);
  const accountedNs = domain.processes.reduce((sum, process) => sum + Math.max(0, process.cpuTimeDeltaNs), 0);
  return {
    accountedNs: kept * before.accountedNs + accountedNs,
    chargedNs: kept * before.chargedNs + domain.cpuTimeDeltaNs,
    pausedNs: kept * before.pausedNs + domain.pausedNs * domain.vcpuCount,
  };
}

/**
 * The part of what a guest accounts to its tasks that they really use, 0 to 1. A guest that does not know that it was paused
 * charges the pause to whatever was running. The hypervisor charges nothing for it: where the guest accounts more than the hypervisor
 * does, our pauses of each of its vCPUs may be the reason, and nothing else is taken for one.
 */
export function usedPart({ accountedNs, chargedNs, pausedNs }: PauseCharge): number {
  const tooMuchNs = Math.min(accountedNs - chargedNs, pausedNs);
  return tooMuchNs > 0 ? 1 - Math.min(1, tooMuchNs / accountedNs) : 1;
}
