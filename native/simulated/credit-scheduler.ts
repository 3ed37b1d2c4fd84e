import type { SimulatedDomain, Vcpu } from "./simulated-domain.js";

export const quantumNs = 1e6;
/** Caps are accounted over this period, as in Xen's credit scheduler. */
const accountingNs = 30e6;
const defaultWeight = 256;
/** A vCPU that slept comes back at most this far ahead of the others. */
const wakeBonusNs = 5e6;

/**
 * Shares physical CPUs among the vCPUs of all domains: the runnable vCPU with the least weighted run time goes first,
 * for a quantum; a cap ends a domain's turn until the next accounting period. Like Xen's credit schedulers, simplified.
 */
export class CreditScheduler {
  #floorNs = 0;
  #nextAccountingNs = 0;
  /** vCPUs that already run on another physical CPU in this quantum. */
  readonly #taken = new Set<Vcpu>();

  constructor(private readonly pcpuCount: number) {}

  /** Runs everything that may run from `fromNs` to `toNs`, at most one quantum. */
  runQuantum(domains: readonly SimulatedDomain[], fromNs: number, toNs: number): void {
    if (fromNs >= this.#nextAccountingNs) this.#account(domains, fromNs);
    this.#taken.clear();
    for (let pcpu = 0; pcpu < this.pcpuCount; pcpu++) {
      let nowNs = fromNs;
      while (nowNs < toNs) {
        const next = this.#next(domains, nowNs);
        if (next === undefined) {
          // Halted vCPUs may wake before the quantum is over.
          const wakesNs = this.#nextWakeNs(domains);
          if (wakesNs >= toNs) break;
          nowNs = Math.max(nowNs + 1, wakesNs);
          continue;
        }
        nowNs = this.#run(next.domain, next.vcpu, nowNs, toNs);
      }
    }
  }

  /** When the first halted vCPU wants to run. */
  #nextWakeNs(domains: readonly SimulatedDomain[]): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const domain of domains) {
      if (!mayRun(domain)) continue;
      for (const vcpu of domain.vcpus)
        if (!this.#taken.has(vcpu)) earliest = Math.min(earliest, domain.machine.wakesAtNs(vcpu.id));
    }
    return earliest;
  }

  #next(
    domains: readonly SimulatedDomain[],
    nowNs: number,
  ): { domain: SimulatedDomain; vcpu: Vcpu } | undefined {
    let best: { domain: SimulatedDomain; vcpu: Vcpu } | undefined;
    for (const domain of domains) {
      if (!mayRun(domain)) continue;
      for (const vcpu of domain.vcpus) {
        if (this.#taken.has(vcpu) || domain.machine.wakesAtNs(vcpu.id) > nowNs) continue;
        vcpu.virtualNs = Math.max(vcpu.virtualNs, this.#floorNs - wakeBonusNs);
        if (best === undefined || vcpu.virtualNs < best.vcpu.virtualNs) best = { domain, vcpu };
      }
    }
    if (best !== undefined) this.#floorNs = Math.max(this.#floorNs, best.vcpu.virtualNs);
    return best;
  }

  /** Runs one vCPU; returns when the physical CPU is free again. */
  #run(domain: SimulatedDomain, vcpu: Vcpu, fromNs: number, toNs: number): number {
    const endNs = domain.share.capPercent > 0 ? Math.min(toNs, fromNs + Math.ceil(domain.budgetNs)) : toNs;
    const haltedNs = domain.machine.run(vcpu.id, fromNs, endNs);
    const usedNs = haltedNs - fromNs;
    domain.cpuTimeNs += usedNs;
    domain.budgetNs -= usedNs;
    vcpu.virtualNs += (usedNs * defaultWeight) / domain.share.weight;
    if (haltedNs >= toNs) this.#taken.add(vcpu);
    return haltedNs;
  }

  #account(domains: readonly SimulatedDomain[], nowNs: number): void {
    this.#nextAccountingNs = nowNs + accountingNs;
    for (const domain of domains) domain.budgetNs = (domain.share.capPercent / 100) * accountingNs;
  }
}

function mayRun(domain: SimulatedDomain): boolean {
  if (domain.pauseCount > 0 || domain.destroyed || domain.machine.ended) return false;
  return domain.share.capPercent === 0 || domain.budgetNs > 0;
}
