import { inject, injectable } from "tsyringe";
import { Clock } from "../clock.js";
import { Hypervisor } from "../hypervisor.js";
import { Log } from "../log.js";
import { Cycle } from "./cycle.js";
import { CycleOptions } from "./cycle-options.js";
import { DomainRegistry } from "./domain-registry.js";
import { EditLog } from "./edit-log.js";

/** How long a graceful stop waits for tasks that cannot be released at once, and how long a fast one does. */
const patienceNs = { graceful: 10e9, fast: 1e9 } as const;
/** Between two ticks while everything is being released. */
const releaseIntervalNs = 10e6;

export type StopMode = keyof typeof patienceNs;

/** Ticks at the configured interval until it is stopped; then releases everything and lets go of the hypervisor. */
@injectable()
export class SchedulerLoop {
  readonly ended: Promise<void>;
  #stop: StopMode | undefined;
  readonly #stopping = new AbortController();
  #finish: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(
    @inject(Cycle) private readonly cycle: Cycle,
    @inject(DomainRegistry) private readonly registry: DomainRegistry,
    @inject(Hypervisor) private readonly hypervisor: Hypervisor,
    @inject(EditLog) private readonly editLog: EditLog,
    @inject(CycleOptions) private readonly options: CycleOptions,
    @inject(Clock) private readonly clock: Clock,
    @inject(Log) private readonly log: Log,
  ) {
    this.ended = new Promise((resolve, reject) => {
      this.#finish = { resolve, reject };
    });
  }

  /** Starts ticking. */
  async start(): Promise<void> {
    const { intervalNs, pause } = this.options;
    this.log.info(
      { event: "started", driver: this.hypervisor.name, intervalMs: intervalNs / 1e6, pause },
      "scheduling",
    );
    void this.#run().then(this.#finish?.resolve, this.#finish?.reject);
    await Promise.resolve();
  }

  /** Ends the loop; resolves when everything that could be released is. */
  stop(mode: StopMode): Promise<void> {
    this.#stop = this.#stop === "fast" ? "fast" : mode;
    this.#stopping.abort();
    return this.ended;
  }

  async #run(): Promise<void> {
    try {
      let dueNs = this.clock.nowNs();
      while (this.#stop === undefined) {
        this.cycle.tick();
        // On a grid, so that the time a tick takes does not add up; ticks that were missed are not made up for.
        dueNs = Math.max(dueNs + this.options.intervalNs, this.clock.nowNs());
        // At least one turn of the event loop, so that signals and attaching get theirs.
        await this.clock.sleep(Math.max(0, dueNs - this.clock.nowNs()), this.#stopping.signal);
      }
    } finally {
      // Also after an error: nothing may stay held because of us.
      await this.#releaseAll();
      this.registry[Symbol.dispose]();
      this.hypervisor[Symbol.dispose]();
    }
  }

  async #releaseAll(): Promise<void> {
    const sinceNs = this.clock.nowNs();
    this.cycle.tick(true);
    while (this.cycle.heldTasks() > 0 && this.clock.nowNs() - sinceNs < patienceNs[this.#stop ?? "fast"]) {
      await this.clock.sleep(releaseIntervalNs);
      this.cycle.tick(true);
    }
    const left = this.cycle.heldTasks();
    const facts = {
      event: "stopped",
      left,
      edits: Object.fromEntries(this.editLog.totals),
      pauses: this.cycle.pauses.summary(),
    };
    if (left === 0) this.log.info(facts, "everything is released");
    else this.log.warn(facts, `${String(left)} tasks have been let go but did not run again yet`);
  }
}
