import { inject, injectable } from "tsyringe";
import type { Observer } from "../cli/composition.js";
import { processReport, type DomainReport, type HostReport, type ThreadReport } from "../cli/host-report.js";
import type { DomainProfile, ProfileReport } from "../cli/profile-report.js";
import { Clock } from "../clock.js";
import { Hypervisor } from "../hypervisor.js";
import type { DomainSnapshot, ProcessSnapshot, TaskSnapshot } from "../policy.js";
import { Cycle } from "./cycle.js";
import { DomainRegistry } from "./domain-registry.js";
import type { ManagedDomain } from "./managed-domain.js";

/** Looks at all domains without writing to any: scans them, and reports what it saw. */
@injectable()
export class HostObserver implements Observer {
  constructor(
    @inject(Cycle) private readonly cycle: Cycle,
    @inject(DomainRegistry) private readonly registry: DomainRegistry,
    @inject(Hypervisor) private readonly hypervisor: Hypervisor,
    @inject(Clock) private readonly clock: Clock,
  ) {}

  async look(): Promise<HostReport> {
    await this.registry.attachAll(this.clock.nowNs());
    const restarts = this.registry.domains.map((domain) => domain.kernel?.restarts ?? 0);
    const begin = realtimeSeconds();
    const { domains } = this.cycle.look();
    const end = realtimeSeconds();
    const reports = this.registry.domains.map((domain, i) => {
      const races = (domain.kernel?.restarts ?? 0) - (restarts[i] ?? 0);
      return domainReport(domain, domains[i], races);
    });
    return { schema: 1, takenAt: { begin, end }, domains: reports };
  }

  async profiles(): Promise<ProfileReport> {
    await this.registry.attachAll(this.clock.nowNs());
    return { schema: 1, domains: this.registry.domains.map(domainProfile) };
  }

  [Symbol.dispose](): void {
    this.registry[Symbol.dispose]();
    this.hypervisor[Symbol.dispose]();
  }
}

function domainReport(domain: ManagedDomain, seen: DomainSnapshot | undefined, races: number): DomainReport {
  const { id, uuid, name, kind } = domain.info;
  const description = domain.kernel?.description;
  return {
    id,
    uuid,
    name,
    kind,
    ...(description === undefined ? {} : { os: description.os, version: description.version }),
    managed: domain.managed,
    ...(domain.managed ? {} : { reason: domain.reason || "its task lists could not be read this time" }),
    ...domain.share,
    races,
    processes: (seen?.processes ?? []).map((process: ProcessSnapshot) =>
      processReport(process, process.threads.map(threadReport)),
    ),
  };
}

function domainProfile({ info, kernel, reason, profileName }: ManagedDomain): DomainProfile {
  const { id, uuid, name, kind } = info;
  const who = { id, uuid, name, kind };
  if (kernel === undefined) return { ...who, managed: false, reason };
  const profile = profileName === undefined ? {} : { profile: profileName };
  return { ...who, managed: true, ...profile, ...kernel.description, ...kernel.findings?.() };
}

function threadReport(task: TaskSnapshot): ThreadReport {
  const { id, name, state, cpu, priority, cpuTimeNs, hold, startTimeNs } = task;
  const { scheduling, waitTimeNs, voluntarySwitches, involuntarySwitches } = task;
  const { readBytes, writtenBytes, uid } = task;
  return {
    ...{ tid: id, name, state, cpu, priority, cpuTimeNs, hold, startTimeNs },
    ...(scheduling === undefined ? {} : { scheduling }),
    ...(waitTimeNs === undefined ? {} : { waitTimeNs }),
    ...(voluntarySwitches === undefined ? {} : { voluntarySwitches }),
    ...(involuntarySwitches === undefined ? {} : { involuntarySwitches }),
    ...(readBytes === undefined ? {} : { readBytes }),
    ...(writtenBytes === undefined ? {} : { writtenBytes }),
    ...(uid === undefined ? {} : { uid }),
  };
}

/** Host's realtime clock, with the resolution of the monotonic one. */
function realtimeSeconds(): number {
  return (performance.timeOrigin + performance.now()) / 1000;
}
