import type { Clock } from "../../core/clock.js";
import type { Hypervisor } from "../../core/hypervisor.js";
import { SimulatedHost, type DomainSpec } from "./host.js";
import { SimulatedHypervisor } from "./hypervisor.js";

/** What the policy is told to run in the background. */
const background = ["backup", "indexer.exe"];
/** The Linux guests' counters count in ticks of 10 ms (USER_HZ); what Windows counts in cycles is told in the same. */
const tickNs = 10e6;
/** CPUs that a process of several threads fills. */
const indexerThreads = 2;

const domains: readonly DomainSpec[] = [
  {
    name: "batch",
    kind: "pv",
    processes: [
      { comm: "backup", workload: { kind: "burn" } },
      { comm: "cron", workload: { kind: "sleepy", periodMs: 250 } },
    ],
  },
  {
    name: "web",
    kind: "pvh",
    vcpuCount: 2,
    processes: [
      { comm: "service", workload: { kind: "alternate", busyMs: 1500, idleMs: 2000 } },
      { comm: "logger", workload: { kind: "sleepy", periodMs: 100 } },
    ],
  },
  {
    name: "desktop",
    kind: "hvm",
    os: "windows",
    windowsBuild: 7601,
    vcpuCount: 3,
    processes: [
      {
        comm: "indexer.exe",
        workload: { kind: "threads", count: indexerThreads, each: { kind: "burn" } },
      },
      { comm: "editor.exe", workload: { kind: "alternate", busyMs: 900, idleMs: 4100 } },
    ],
  },
];
/** One for each vCPU: what a background process does not get, the policy has kept from it. */
const pcpuCount = 6;

/** The guests of `vmmsched demo`: a Linux and a Windows that each have work for the time in which everything else is idle. */
export class DemoGuests implements Disposable {
  readonly #host = new SimulatedHost({ domains, pcpuCount });
  readonly hypervisor: Hypervisor = new SimulatedHypervisor(this.#host);
  readonly tickNs = tickNs;
  readonly clock: Clock = {
    nowNs: () => this.#host.nowNs,
    wallTime: () => ({ wallTimeMs: this.#host.nowNs / 1e6, utcOffsetMinutes: 0 }),
    sleep: (ns) => {
      this.#host.advance(ns);
      return Promise.resolve();
    },
  };

  /** Every process that was started, and whether it is to run in the background. */
  get processes() {
    return domains.flatMap(({ name, processes = [] }) =>
      processes.map(({ comm }) => ({
        domain: name,
        process: comm,
        role: background.includes(comm) ? ("background" as const) : ("foreground" as const),
        cpus: comm === "indexer.exe" ? indexerThreads : 1,
      })),
    );
  }

  advance(ns: number): void {
    this.#host.advance(ns);
  }

  /** CPU ticks of every process, from the guests' own accounting. */
  cpuTicks() {
    return domains.flatMap(({ name, os, processes = [] }) =>
      processes.map(({ comm }) => ({
        domain: name,
        process: comm,
        ticks: os === "windows" ? this.#windowsTicks(name, comm) : this.#linuxTicks(name, comm),
      })),
    );
  }

  complaints(): readonly string[] {
    return domains.flatMap(({ name, os }) => {
      const guest = os === "windows" ? this.#host.windows(name) : this.#host.guest(name);
      return guest.console.complaints.map((complaint) => `${name}: ${complaint}`);
    });
  }

  [Symbol.dispose](): void {
    this.hypervisor[Symbol.dispose]();
  }

  #linuxTicks(domain: string, process: string): number {
    const guest = this.#host.guest(domain);
    return guest
      .processes()
      .filter((entry) => entry.comm === process)
      .map((entry) => guest.procStat(entry.pid))
      .reduce((sum, stat) => sum + (stat?.utimeTicks ?? 0) + (stat?.stimeTicks ?? 0), 0);
  }

  #windowsTicks(domain: string, process: string): number {
    const found = this.#host
      .windows(domain)
      .processes()
      .find(({ name }) => name === process);
    return Math.floor((found?.cpuTimeNs ?? 0) / tickNs);
  }
}
