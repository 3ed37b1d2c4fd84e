import { VmmschedError } from "../../core/errors.js";
import type { DomainKind, DomainShare } from "../../core/hypervisor.js";
import { pageBytes } from "../../core/memory/address.js";
import { CreditScheduler, quantumNs } from "./credit-scheduler.js";
import { Disk } from "./disk.js";
import type { KallsymsOrder } from "./linux/kallsyms-image.js";
import { LinuxMachine, type ProcessSpec } from "./linux/machine.js";
import { Random } from "./linux/random.js";
import { makeMachine } from "./make-machine.js";
import { Ram } from "./ram.js";
import type { SimulatedDomain } from "./simulated-domain.js";
import { ToyMachine } from "./toy/machine.js";
import type { ToyVersion } from "./toy/structures.js";
import { WindowsMachine, type WindowsBuild } from "./windows/machine.js";
import type { WindowsProcessSpec } from "./windows/session.js";

/** A domain to create. */
export interface DomainSpec {
  readonly name: string;
  readonly kind: DomainKind;
  /** @default "linux" */
  readonly os?: "linux" | "windows" | "toy" | "odd";
  /** Of Windows, which runs in PVH and HVM domains. @default 7601 */
  readonly windowsBuild?: WindowsBuild;
  /** Of a toy. @default 2 */
  readonly toyVersion?: ToyVersion;
  /** @default 1 */
  readonly vcpuCount?: number;
  /** @default 64 MiB */
  readonly memoryBytes?: number;
  /** @default 256 */
  readonly weight?: number;
  /** What its disk reads and writes, with a limit that can be set (Linux). Without it, it has none. */
  readonly diskBytesPerSecond?: number;
  /** 5-level page tables (not for PV). @default false */
  readonly fiveLevel?: boolean;
  /** Kernel and direct map at random addresses (not for PV). @default true */
  readonly kaslr?: boolean;
  /** Order of the kernel's symbol tables, if it has any. @default "offsets first" */
  readonly kallsyms?: KallsymsOrder | "none";
  readonly processes?: readonly ProcessSpec[];
  /** Of Windows, besides `processes`: those that do what only its dispatcher offers. */
  readonly windowsProcesses?: readonly WindowsProcessSpec[];
}

export interface SimulatedHostOptions {
  /** The same seed gives the same run. @default 1 */
  readonly seed?: number;
  /** Physical CPUs for guests. @default 2 */
  readonly pcpuCount?: number;
  /** How probably a vCPU is inside a critical section, with a lock held, whenever time stops. @default 0.05 */
  readonly lockProbability?: number;
  /** Created at once. @default {@link defaultDomains} */
  readonly domains?: readonly DomainSpec[];
}

/** A service that comes and goes, and something that computes in the background. */
const office: readonly ProcessSpec[] = [
  { comm: "service.exe", workload: { kind: "alternate", busyMs: 400, idleMs: 600 } },
  { comm: "indexer.exe", workload: { kind: "burn" } },
];

/** Domains that need no more than to be named. */
export const preparedDomains = {
  /** A PV guest that computes in the background. */
  batch: {
    name: "batch",
    kind: "pv",
    processes: [
      { comm: "background", workload: { kind: "burn" } },
      { comm: "cron", workload: { kind: "sleepy", periodMs: 250 } },
    ],
  },
  /** A PVH guest with a service that comes and goes. */
  web: {
    name: "web",
    kind: "pvh",
    vcpuCount: 2,
    processes: [
      { comm: "service", workload: { kind: "alternate", busyMs: 400, idleMs: 600 } },
      {
        comm: "workers",
        workload: { kind: "threads", count: 3, each: { kind: "sleepy", periodMs: 40, workUs: 2000 } },
      },
      { comm: "logger", workload: { kind: "sleepy", periodMs: 100 } },
    ],
  },
  /** A toy that computes in the background. */
  toy: {
    name: "toy",
    kind: "pvh",
    os: "toy",
    processes: [
      { comm: "indexer", workload: { kind: "burn" } },
      { comm: "watchdog", workload: { kind: "sleepy", periodMs: 50 } },
    ],
  },
  "windows-vista": {
    name: "windows-vista",
    kind: "hvm",
    os: "windows",
    windowsBuild: 6001,
    processes: office,
  },
  "windows-7": { name: "windows-7", kind: "hvm", os: "windows", windowsBuild: 7601, processes: office },
  "windows-10": { name: "windows-10", kind: "hvm", os: "windows", windowsBuild: 19041, processes: office },
} as const satisfies Readonly<Record<string, DomainSpec>>;

/** What a host has when nobody says what. */
export const defaultDomains: readonly DomainSpec[] = [preparedDomains.batch, preparedDomains.web];

const defaultMemoryBytes = 64 * 2 ** 20;
const defaultWeight = 256;

/**
 * A host with a hypervisor and guests, in this process. Time is virtual and stands still but for {@link advance}: what
 * the drivers of real hypervisors do is reached through {@link "./hypervisor.js"}, what an administrator does is here.
 */
export class SimulatedHost {
  /** Every domain that has not been destroyed, in order of ids. */
  readonly domains: SimulatedDomain[] = [];
  /** Counts changes of the set of domains. */
  generation = 0;
  readonly #random: Random;
  /** Physical CPUs for guests. */
  readonly pcpuCount: number;
  readonly #scheduler: CreditScheduler;
  readonly #specs = new Map<number, DomainSpec>();
  readonly #lockProbability: number;
  #nowNs = 0;
  #nextId = 1;

  constructor(options: SimulatedHostOptions = {}) {
    this.#random = new Random(options.seed ?? 1);
    this.pcpuCount = options.pcpuCount ?? 2;
    this.#scheduler = new CreditScheduler(this.pcpuCount);
    this.#lockProbability = options.lockProbability ?? 0.05;
    for (const spec of options.domains ?? defaultDomains) this.createDomain(spec);
  }

  /** Virtual time since the host started. */
  get nowNs(): number {
    return this.#nowNs;
  }

  /** Lets `ns` of virtual time pass, in whole nanoseconds: all clocks here are integers, and so exact. */
  advance(ns: number): void {
    const endNs = this.#nowNs + Math.round(ns);
    while (this.#nowNs < endNs) {
      const next = Math.min(endNs, (Math.floor(this.#nowNs / quantumNs) + 1) * quantumNs);
      this.#scheduler.runQuantum(this.domains, this.#nowNs, next);
      this.#nowNs = next;
    }
    for (const domain of this.domains)
      if (domain.pauseCount === 0) domain.machine.stopSomewhere(this.#lockProbability);
  }

  /** Returns the new domain's id. */
  createDomain(spec: DomainSpec): number {
    return this.#create(spec, this.#uuid());
  }

  /** Takes a domain away, RAM and all; who still holds it open finds every frame unreadable. */
  destroyDomain(id: number): void {
    const domain = this.#domain(id);
    domain.destroyed = true;
    domain.ram.release();
    this.domains.splice(this.domains.indexOf(domain), 1);
    this.#specs.delete(id);
    this.generation++;
  }

  /** What a toolstack makes of a reboot: the same uuid, a new id and fresh RAM. Returns the id. */
  rebootDomain(id: number): number {
    const { uuid } = this.#domain(id);
    const spec = this.#specs.get(id);
    this.destroyDomain(id);
    if (spec === undefined) throw new VmmschedError("ERR_DOMAIN_GONE", `no domain ${String(id)}`);
    return this.#create(spec, uuid);
  }

  /** The guest's kernel dies; the domain stays until it is destroyed. */
  crashDomain(id: number): void {
    this.#domain(id).machine.crash();
  }

  /** An administrator's pause; pauses count. */
  pause(id: number): void {
    this.#domain(id).pauseCount++;
  }

  unpause(id: number): void {
    const domain = this.#domain(id);
    if (domain.pauseCount > 0) domain.pauseCount--;
  }

  /** Sets what is given. Throws ERR_HYPERVISOR_CALL for an I/O limit of a domain without a disk. */
  setShare(id: number, { ioBytesPerSecond, ...given }: DomainShare): void {
    const domain = this.#domain(id);
    domain.share = { ...domain.share, ...given };
    if (ioBytesPerSecond === undefined) return;
    if (domain.disk === undefined)
      throw new VmmschedError("ERR_HYPERVISOR_CALL", `${domain.name} has no disk to limit`, { domain: id });
    domain.disk.limitBytesPerSecond = ioBytesPerSecond;
  }

  /** The Linux machine in the domain of this name, to look at from inside. */
  guest(name: string): LinuxMachine {
    const domain = this.domains.find((one) => one.name === name);
    if (!(domain?.machine instanceof LinuxMachine))
      throw new VmmschedError("ERR_DOMAIN_GONE", `no Linux domain is called ${name}`);
    return domain.machine;
  }

  /** The Windows machine in the domain of this name, to look at from inside. */
  windows(name: string): WindowsMachine {
    const domain = this.domains.find((one) => one.name === name);
    if (!(domain?.machine instanceof WindowsMachine))
      throw new VmmschedError("ERR_DOMAIN_GONE", `no Windows domain is called ${name}`);
    return domain.machine;
  }

  /** The toy in the domain of this name, to look at from inside. */
  toy(name: string): ToyMachine {
    const domain = this.domains.find((one) => one.name === name);
    if (!(domain?.machine instanceof ToyMachine))
      throw new VmmschedError("ERR_DOMAIN_GONE", `no toy domain is called ${name}`);
    return domain.machine;
  }

  /** Id of the domain of this name. */
  idOf(name: string): number {
    const domain = this.domains.find((one) => one.name === name);
    if (domain === undefined) throw new VmmschedError("ERR_DOMAIN_GONE", `no domain is called ${name}`);
    return domain.id;
  }

  #domain(id: number): SimulatedDomain {
    const domain = this.domains.find((one) => one.id === id);
    if (domain === undefined)
      throw new VmmschedError("ERR_DOMAIN_GONE", `no domain ${String(id)}`, { domain: id });
    return domain;
  }

  #create(spec: DomainSpec, uuid: string): number {
    const id = this.#nextId++;
    const seed = this.#random.below(2 ** 31);
    const pages = (spec.memoryBytes ?? defaultMemoryBytes) / pageBytes;
    const disk = spec.diskBytesPerSecond === undefined ? undefined : new Disk(spec.diskBytesPerSecond);
    const ram = new Ram(pages, spec.kind === "pv" ? new Random(seed) : undefined);
    this.domains.push({
      id,
      uuid,
      name: spec.name,
      kind: spec.kind,
      ram,
      disk,
      machine: makeMachine(spec, { ram, disk }, seed, this.#nowNs),
      vcpus: Array.from({ length: spec.vcpuCount ?? 1 }, (_, vcpu) => ({ id: vcpu, virtualNs: 0 })),
      share: { weight: spec.weight ?? defaultWeight, capPercent: 0 },
      pauseCount: 0,
      cpuTimeNs: 0,
      budgetNs: 0,
      destroyed: false,
      nextPort: 8,
    });
    this.#specs.set(id, spec);
    this.generation++;
    return id;
  }

  /** A version 4 uuid from the host's own seed. */
  #uuid(): string {
    const hex = Array.from({ length: 32 }, () => this.#random.below(16).toString(16));
    hex[12] = "4";
    hex[16] = "a";
    const text = hex.join("");
    return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join(
      "-",
    );
  }
}
