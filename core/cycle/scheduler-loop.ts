import { inject, injectable } from "tsyringe";
import { Clock } from "../clock.js";
import { isVmmschedError } from "../errors.js";
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
    let released = this.#release();
    while (!released && this.clock.nowNs() - sinceNs < patienceNs[this.#stop ?? "fast"]) {
      await this.clock.sleep(releaseIntervalNs);
      released = this.#release();
    }
    const left = this.cycle.heldTasks();
    const facts = {
      event: "stopped",
      left,
      edits: Object.fromEntries(this.editLog.totals),
      pauses: this.cycle.pauses.summary(),
    };
    if (released) this.log.info(facts, "everything is released");
    else
      this.log.warn(facts, "not everything is released: a guest is paused, does not run, or cannot be read");
  }

  /**
   * One tick that releases; true when it found nothing held any more. The snapshot is older than the edits of its tick:
   * only the next one tells what became of them. What fails is tried again.
   */
  #release(): boolean {
    try {
      this.cycle.tick(true);
      return this.cycle.allReleased();
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.log.error({ event: "release-failed", code: error.code }, error.message);
      return false;
    }
  }
}
