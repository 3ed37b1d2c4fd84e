import type { SimulatedHost, Workload } from "../../../native/simulated/index.js";
import type { WindowsWorkload } from "../../../native/simulated/windows/workload.js";
import type { Random } from "../../../core/testing/random.js";
import { isInTheMidst } from "./in-the-midst.js";

/** What is in the name of a process says which tier it is in, and what else policies say of it. */
const tierNames = ["urgent", "plain", "spare"] as const;
const kindNames = ["work", "work", "job", "scan", "backgr"] as const;
/** Processes that a domain has at most. */
const mostProcesses = 7;
const longestPhaseTicks = 160;

interface Process {
  readonly domain: string;
  readonly pid: number;
  /** Nice value that it has by its own will; undefined where that cannot be told. */
  nice: number | undefined;
}

/** What guests do by themselves: processes start, work, sleep, fork, renice themselves and end; domains are busy and idle in turn. */
export class RandomLoad {
  started = 0;
  ended = 0;
  reniced = 0;
  #processes: Process[] = [];
  readonly #phases = new Map<string, { wanted: number; ticksLeft: number }>();

  constructor(
    private readonly host: SimulatedHost,
    private readonly random: Random,
  ) {}

  /** What happens between two ticks. */
  act(): void {
    for (const { name: domain, machine } of this.host.domains) {
      // The guest's own code takes the locks that it needs: it cannot act while another vCPU has them.
      if (isInTheMidst(machine)) continue;
      const phase = this.#phaseOf(domain);
      const mine = this.#processes.filter((process) => process.domain === domain);
      if (mine.length < phase.wanted && this.random.chance(0.3)) this.#start(domain);
      if (mine.length > phase.wanted && this.random.chance(0.3)) this.#end(mine);
      if (this.random.chance(0.01)) this.#end(mine);
      if (this.random.chance(0.1)) this.#renice(mine);
    }
  }

  /** Linux processes whose nice value is not their own, in words. */
  wrongNices(): readonly string[] {
    return this.#processes.flatMap(({ domain, pid, nice }) => {
      if (domain === "desktop" || nice === undefined) return [];
      const found = this.host.guest(domain).procStat(pid)?.nice;
      return found === undefined || found === nice
        ? []
        : [`${domain}/${pid} has nice ${found}, and gave itself ${nice}`];
    });
  }

  #phaseOf(domain: string): { readonly wanted: number } {
    const phase = this.#phases.get(domain);
    if (phase !== undefined && phase.ticksLeft-- > 0) return phase;
    const busy = this.random.chance(0.6);
    const next = {
      wanted: busy ? 1 + this.random.below(mostProcesses) : 0,
      ticksLeft: 1 + this.random.below(longestPhaseTicks),
    };
    this.#phases.set(domain, next);
    return next;
  }

  #start(domain: string): void {
    const kind = this.random.pick(kindNames);
    const comm = `${this.random.pick(tierNames)}-${kind}`;
    const nice = this.random.chance(0.3) ? this.random.below(20) : 0;
    const pid =
      domain === "desktop"
        ? this.host.windows(domain).spawn({ comm, workload: this.#windowsWorkload(kind), nice })
        : this.host.guest(domain).spawn({ comm, workload: this.#workload(kind), nice });
    this.#processes.push({ domain, pid, nice: this.#looksInherited(domain, nice) ? undefined : nice });
    this.started++;
  }

  /** Somebody of the domain has this nice value by us: from outside, a new process with it may be a child of that one's (core/cycle/heritage.ts). */
  #looksInherited(domain: string, nice: number): boolean {
    return this.#processes.some((each) => {
      const shown =
        domain === each.domain && domain !== "desktop" && this.host.guest(domain).procStat(each.pid)?.nice;
      return shown === nice && each.nice !== nice;
    });
  }

  #workload(kind: string): Workload {
    const { random } = this;
    switch (random.below(kind === "scan" ? 6 : 7)) {
      case 0:
      case 1:
        return { kind: "burn" };
      case 2:
        return { kind: "sleepy", periodMs: 5 + random.below(200), workUs: 100 + random.below(20_000) };
      case 3:
        return { kind: "alternate", busyMs: 20 + random.below(2000), idleMs: 20 + random.below(2000) };
      case 4:
      case 5:
        return { kind: "threads", count: 2 + random.below(3), each: this.#threadWorkload() };
      default:
        // Whose accounts are their own would lend theirs to children that outlive them.
        return { kind: "forker", perSecond: 1 + random.below(8), childMs: 10 + random.below(200) };
    }
  }

  #threadWorkload(): Workload {
    return this.random.chance(0.5)
      ? { kind: "burn" }
      : { kind: "alternate", busyMs: 50 + this.random.below(500), idleMs: 50 + this.random.below(500) };
  }

  #windowsWorkload(kind: string): WindowsWorkload {
    return this.random.chance(0.1)
      ? { kind: "ping-pong", workUs: 100 + this.random.below(5000) }
      : this.#workload(kind);
  }

  #end(among: readonly Process[]): void {
    const process = among[this.random.below(among.length)];
    if (process === undefined) return;
    const { domain, pid } = process;
    if (domain === "desktop") {
      const guest = this.host.windows(domain);
      for (const thread of guest.threads())
        if (thread.pid === pid) guest.request(thread.tid, { kind: "terminate" });
    } else this.host.guest(domain).kill(pid);
    this.#processes = this.#processes.filter((each) => each !== process);
    this.ended++;
  }

  #renice(among: readonly Process[]): void {
    const process = among[this.random.below(among.length)];
    if (process === undefined) return;
    const { domain, pid } = process;
    this.reniced++;
    if (domain === "desktop") {
      const guest = this.host.windows(domain);
      const thread = guest.threads().find((each) => each.pid === pid);
      const priority = 1 + this.random.below(14);
      if (thread !== undefined) guest.request(thread.tid, { kind: "priority", priority });
      return;
    }
    const guest = this.host.guest(domain);
    const nice = this.random.below(40) - 20;
    // A word that changes nothing leaves no trace: nobody outside can tell whose the value is.
    process.nice = guest.procStat(pid)?.nice === nice ? undefined : nice;
    guest.renice(pid, nice);
  }
}
