import { holdStates, taskStates } from "../snapshot/task-columns.js";
import type { DomainSketch, HostSketch, ProcessSketch } from "./host.js";
import { Random } from "./random.js";

/** What processes and domains are called where nothing else is given. */
const plainNames = ["init", "sh", "httpd", "backup"] as const;

const longestIntervalMs = 400;
const mostDomains = 8;
const mostProcesses = 12;

/**
 * A host at `ticks` ticks in a row, the same for the same seed: domains and processes come, go, work, sleep and are
 * paused. The first one has no interval. `names` are given to domains and processes, along with some plain ones.
 */
export function randomHosts(
  seed: number,
  ticks: number,
  names: readonly string[] = [],
): readonly HostSketch[] {
  const random = new Random(seed);
  const world = new RandomWorld(random, [...plainNames, ...names]);
  let timeMs = 1000;
  return Array.from({ length: ticks }, (_, tick) => {
    const intervalMs = tick === 0 ? 0 : 1 + random.below(longestIntervalMs);
    timeMs += intervalMs;
    return { timeMs, intervalMs, domains: world.next() };
  });
}

class RandomWorld {
  #domains: readonly DomainSketch[] = [];
  #nextId = 1;
  #nextPid = 100;

  constructor(
    private readonly random: Random,
    private readonly names: readonly [string, ...string[]],
  ) {}

  next(): readonly DomainSketch[] {
    const staying = this.#domains.filter(() => !this.random.chance(0.05));
    const coming = this.random.chance(0.4) && staying.length < mostDomains ? [this.#newDomain()] : [];
    this.#domains = [...staying, ...coming].map((domain) => this.#nextDomain(domain));
    return this.#domains;
  }

  /** Two domains may bear one name, as during a migration; their uuids differ. */
  #newDomain(): DomainSketch {
    const id = this.#nextId++;
    return {
      id,
      uuid: `uuid-${String(id)}`,
      name: this.random.pick(this.names),
      vcpuCount: 1 + this.random.below(4),
      processes: [this.#newProcess({ name: "init", untouchable: true })],
    };
  }

  #nextDomain(domain: DomainSketch): DomainSketch {
    const managed = this.random.chance(0.9);
    const staying = (domain.processes ?? []).filter(
      (each) => each.untouchable === true || !this.random.chance(0.05),
    );
    const coming =
      this.random.chance(0.6) && staying.length < mostProcesses
        ? [this.#newProcess({ name: this.random.pick(this.names), kernel: this.random.chance(0.1) })]
        : [];
    return {
      ...domain,
      managed,
      paused: this.random.chance(0.1),
      hasSay: !this.random.chance(0.1),
      cpuPercent: this.random.chance(0.5) ? 0 : this.random.below(100 * (domain.vcpuCount ?? 1)),
      processes: managed ? [...staying, ...coming].map((process) => this.#nextProcess(process)) : [],
    };
  }

  #newProcess(sketch: ProcessSketch): ProcessSketch {
    const threads = this.random.chance(0.7) ? 1 : 2 + this.random.below(6);
    const pid = this.#nextPid;
    this.#nextPid += threads;
    return { ...sketch, pid, threads };
  }

  #nextProcess(process: ProcessSketch): ProcessSketch {
    return {
      ...process,
      state: this.random.pick(taskStates),
      hold: this.random.chance(0.7) ? "none" : this.random.pick(holdStates),
      cpuPercent: this.random.chance(0.6) ? 0 : this.random.below(100),
    };
  }
}
