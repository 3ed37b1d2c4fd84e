import type { Clock } from "../../core/clock.js";
import type { Hypervisor } from "../../core/hypervisor.js";
import { SimulatedHost, type DomainSpec } from "./host.js";
import { SimulatedHypervisor } from "./hypervisor.js";

/** What the policy is told to run in the background. */
const background = ["backup"];
/** The guests' counters count in ticks of 10 ms (USER_HZ). */
const tickNs = 10e6;

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
];

/** The guests of `vmmsched demo`: a backup in one domain that should run only while the service in the other is idle. */
export class DemoGuests implements Disposable {
  readonly #host = new SimulatedHost({ domains });
  readonly hypervisor: Hypervisor = new SimulatedHypervisor(this.#host);
  readonly tickNs = tickNs;
  readonly clock: Clock = {
    nowNs: () => this.#host.nowNs,
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
        cpus: 1,
      })),
    );
  }

  advance(ns: number): void {
    this.#host.advance(ns);
  }

  /** CPU ticks of every process, from the guests' own accounting. */
  cpuTicks() {
    return this.processes.map(({ domain, process }) => {
      const guest = this.#host.guest(domain);
      const stats = guest
        .processes()
        .filter((entry) => entry.comm === process)
        .map((entry) => guest.procStat(entry.pid));
      const ticks = stats.reduce((sum, stat) => sum + (stat?.utimeTicks ?? 0) + (stat?.stimeTicks ?? 0), 0);
      return { domain, process, ticks };
    });
  }

  complaints(): readonly string[] {
    return domains.flatMap(({ name }) =>
      this.#host.guest(name).console.complaints.map((complaint) => `${name}: ${complaint}`),
    );
  }

  [Symbol.dispose](): void {
    this.hypervisor[Symbol.dispose]();
  }
}
