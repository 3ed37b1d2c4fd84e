import "reflect-metadata";
import { setImmediate } from "node:timers/promises";
import linux from "../../../guest-profiles/linux/index.js";
import windows from "../../../guest-profiles/windows/index.js";
import {
  LinuxMachine,
  SimulatedHost,
  SimulatedHypervisor,
  ToyMachine,
  WindowsMachine,
  type DomainSpec,
} from "../../../native/simulated/index.js";
import type { Clock } from "../../../core/clock.js";
import type { Hypervisor } from "../../../core/hypervisor.js";
import { Cycle } from "../../../core/cycle/cycle.js";
import { CycleJournal } from "../../../core/cycle/cycle-journal.js";
import type { CycleOptions } from "../../../core/cycle/cycle-options.js";
import { DomainRegistry } from "../../../core/cycle/domain-registry.js";
import { EditLog } from "../../../core/cycle/edit-log.js";
import { SchedulerLoop } from "../../../core/cycle/scheduler-loop.js";
import type { GuardOptions } from "../../../core/guard/guard-options.js";
import type { JournalFile } from "../../../core/journal/journal-file.js";
import type { Log, LogFields } from "../../../core/log.js";
import { InProcessPolicies } from "../../../core/policies/in-process-policies.js";
import type { Policies } from "../../../core/policies/policies.js";
import { Random } from "../../../core/testing/random.js";
import { HostColumns } from "../../../core/snapshot/host-columns.js";
import type { ConfiguredProfile } from "../../../core/plugins/configure.js";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import { shippedLayouts } from "../../guest-profiles/windows/shipped.js";

export const intervalNs = 50e6;

export const linuxProfile: ConfiguredProfile = {
  name: "linux",
  version: "1.0.0",
  hash: "linux",
  profile: linux,
  options: {},
  layouts: new Map(),
};

export const windowsProfile: ConfiguredProfile = {
  name: "windows",
  version: "1.0.0",
  hash: "windows",
  profile: windows,
  options: {},
  layouts: shippedLayouts,
};

export interface ScheduledHostOptions {
  readonly domains: readonly DomainSpec[];
  /** One that another scheduler has left behind, in place of a new one with `domains`. */
  readonly host?: SimulatedHost;
  /** Its driver; default: a new one. */
  readonly hypervisor?: Hypervisor;
  readonly seed?: number;
  readonly lockProbability?: number;
  readonly pause?: CycleOptions["pause"];
  readonly exclude?: readonly string[];
  /** Default: {@link linuxProfile}. */
  readonly profiles?: readonly ConfiguredProfile[];
  /** Below 0: one edit a domain in each tick, as when every edit takes longer than the budget. */
  readonly pauseBudgetNs?: number;
  readonly maxTasks?: number;
  readonly dryRun?: boolean;
  readonly guard?: GuardOptions;
  readonly pcpuCount?: number;
  readonly jitterPercent?: number;
  readonly slowestIntervalNs?: number;
  /** Default: what is logged is kept in `logged`. */
  readonly log?: Log;
  /** Default: that of the host, exact to the nanosecond. */
  readonly clock?: (host: SimulatedHost) => Clock;
  /** Opens the journal. Default: there is none. */
  readonly journal?: (log: Log) => JournalFile;
  /** Default: a new host gets a second to start in. */
  readonly headStartNs?: number;
  /** Who is asked, instead of `decide`. */
  readonly policies?: (columns: HostColumns) => Policies;
}

/** The whole scheduler on a simulated host, in virtual time, with a policy that a test writes in place. */
export class ScheduledHost {
  readonly host: SimulatedHost;
  readonly hypervisor: Hypervisor;
  readonly cycle: Cycle;
  readonly registry: DomainRegistry;
  readonly loop: SchedulerLoop;
  readonly journal: JournalFile | undefined;
  readonly clock: Clock;
  readonly logged: LogFields[] = [];
  /** What the policy wishes, tick by tick. */
  decide: (host: HostSnapshot) => Iterable<Wish> = () => [];

  constructor(options: ScheduledHostOptions) {
    const { domains, seed = 1, lockProbability = 0.05, pause = "late" } = options;
    const { pcpuCount = 8 } = options;
    this.host = options.host ?? new SimulatedHost({ domains, seed, lockProbability, pcpuCount });
    this.hypervisor = options.hypervisor ?? new SimulatedHypervisor(this.host);
    const cycleOptions: CycleOptions = {
      intervalNs,
      pause,
      pauseBudgetNs: options.pauseBudgetNs ?? 5e6,
      maxTasks: options.maxTasks ?? 2048,
      dryRun: options.dryRun ?? false,
      ...(options.guard === undefined ? {} : { guard: options.guard }),
      jitterPercent: options.jitterPercent ?? 0,
      slowestIntervalNs: options.slowestIntervalNs ?? intervalNs,
      domains: { include: ["*"], exclude: options.exclude ?? [] },
    };
    const write = (fields: LogFields) => void this.logged.push(fields);
    const log: Log = options.log ?? { trace: write, debug: write, info: write, warn: write, error: write };
    this.clock = options.clock?.(this.host) ?? {
      nowNs: () => this.host.nowNs,
      wallTime: () => ({ wallTimeMs: this.host.nowNs / 1e6, utcOffsetMinutes: 0 }),
      sleep: async (ns) => {
        this.host.advance(ns);
        await setImmediate();
      },
    };
    const { clock } = this;
    const profiles = options.profiles ?? [linuxProfile];
    const policies = [
      { name: "test", policy: { decide: (host: HostSnapshot) => this.decide(host) }, options: {} },
    ];
    this.registry = new DomainRegistry(this.hypervisor, profiles, cycleOptions, log);
    const editLog = new EditLog(log, cycleOptions);
    const shared = HostColumns.allocate(cycleOptions.maxTasks);
    const asked = options.policies?.(shared) ?? new InProcessPolicies(policies, shared, log);
    this.journal = options.journal?.(log);
    const journal = new CycleJournal(this.journal, shared.tasks, log);
    this.cycle = new Cycle(this.registry, shared, asked, editLog, clock, cycleOptions, log, journal);
    this.loop = new SchedulerLoop(
      this.cycle,
      this.registry,
      this.hypervisor,
      editLog,
      cycleOptions,
      clock,
      log,
    );
    this.host.advance(options.headStartNs ?? 1e9);
  }

  /** Ticks until every domain has been looked at. */
  async attach(): Promise<void> {
    this.cycle.tick();
    await this.settle();
  }

  /** Lets every attempt to find a kernel that is under way come to its end, while no time passes. */
  async settle(): Promise<void> {
    do await setImmediate();
    while (this.registry.domains.some((domain) => domain.status === "attaching"));
  }

  /** Lets this many intervals pass, with a tick after each. */
  async run(intervals: number): Promise<void> {
    for (let i = 0; i < intervals; i++) {
      this.host.advance(intervalNs);
      this.cycle.tick();
      await this.settle();
    }
  }

  /** CPU time that the guest has accounted to all threads of the process of this name. */
  cpuTimeNs(domain: string, comm: string): number {
    const toy = this.#toy(domain)?.tasks();
    if (toy !== undefined) {
      const leaders = toy.filter((task) => task.name === comm).map((task) => task.process);
      return toy.reduce((sum, task) => sum + (leaders.includes(task.process) ? task.cpuTimeNs : 0), 0);
    }
    const { machine } = this.host.domains.find(({ name }) => name === domain) ?? {};
    if (machine instanceof WindowsMachine)
      return machine
        .processes()
        .filter(({ name }) => name === comm)
        .reduce((sum, { cpuTimeNs }) => sum + cpuTimeNs, 0);
    const guest = this.host.guest(domain);
    const entries = guest.processes();
    const leaders = entries.filter((entry) => entry.comm === comm).map((entry) => entry.tgid);
    return entries
      .filter((entry) => leaders.includes(entry.tgid))
      .reduce((sum, entry) => sum + (guest.procStat(entry.pid)?.sumExecRuntimeNs ?? 0), 0);
  }

  /** CPU time that a process gains while this many intervals pass. */
  async gained(domain: string, comm: string, intervals: number): Promise<number> {
    const before = this.cpuTimeNs(domain, comm);
    await this.run(intervals);
    return this.cpuTimeNs(domain, comm) - before;
  }

  complaints(): readonly string[] {
    return this.host.domains.flatMap(({ name, machine }) =>
      machine instanceof LinuxMachine || machine instanceof ToyMachine || machine instanceof WindowsMachine
        ? machine.console.complaints.map((text) => `${name}: ${text}`)
        : [],
    );
  }

  #toy(name: string): ToyMachine | undefined {
    const machine = this.host.domains.find((domain) => domain.name === name)?.machine;
    return machine instanceof ToyMachine ? machine : undefined;
  }

  events(event: string): readonly LogFields[] {
    return this.logged.filter((fields) => fields.event === event);
  }
}

/** Wishes that half of the threads are held, others at each tick. */
export function holdAtRandom(seed: number): (host: HostSnapshot) => Iterable<Wish> {
  const random = new Random(seed);
  return (host) =>
    host.domains
      .flatMap((domain) => domain.processes)
      .flatMap((process) => process.threads)
      .filter(() => random.chance(0.5))
      .map((target): Wish => ({ kind: "hold", target }));
}

/** Wishes to hold every process whose name is in `names`. */
export function holdNamed(...names: readonly string[]): (host: HostSnapshot) => Iterable<Wish> {
  return (host) =>
    host.domains
      .flatMap((domain) => domain.processes)
      .filter((process) => names.includes(process.name))
      .map((target): Wish => ({ kind: "hold", target }));
}
