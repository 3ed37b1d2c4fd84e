import { inject, injectable } from "tsyringe";
import { Clock } from "../clock.js";
import { isVmmschedError, VmmschedError } from "../errors.js";
import { Hypervisor } from "../hypervisor.js";
import { Log } from "../log.js";
import { Cycle } from "./cycle.js";
import { CycleOptions } from "./cycle-options.js";
import { DomainRegistry } from "./domain-registry.js";
import { EditLog } from "./edit-log.js";
import { Quietness } from "./quietness.js";
import { TickSchedule } from "./tick-schedule.js";

/** How long a stop waits for a guest to run tasks again that have been let go. Without us they run all the same. */
const patienceNs = { graceful: 10e9, fast: 1e9 } as const;
/**
 * How long it tries to let tasks go, from the last one that it could, however fast it is to be: one that is still
 * parked by us when we end stays so for ever.
 */
const letGoPatienceNs = 10e9;
/** Between two ticks while everything is being released. */
const releaseIntervalNs = 10e6;

export type StopMode = keyof typeof patienceNs;

/** Ticks at the configured interval until it is stopped; then releases everything and lets go of the hypervisor. */
@injectable()
export class SchedulerLoop {
  readonly ended: Promise<void>;
  /** Told of every tick that went through, those that release included; guests run meanwhile. */
  ticked: (nowNs: number) => void = () => undefined;
  #stop: StopMode | undefined;
  #failure: unknown;
  #ticks = 0;
  #schedule: TickSchedule | undefined;
  /** Ends the sleep until the next tick. */
  #awake = new AbortController();
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

  get counts(): { readonly ticks: number; readonly missedTicks: number } {
    return { ticks: this.#ticks, missedTicks: this.#schedule?.missed ?? 0 };
  }

  /** Between two ticks, as things are: it grows while nothing happens. */
  get intervalNs(): number {
    return this.#schedule?.intervalNs ?? this.options.intervalNs;
  }

  /** Something has changed that the next tick is to see soon, although the interval may have grown. */
  hurry(): void {
    if (this.#schedule?.isSlow !== true) return;
    this.#schedule.hurry(this.clock.nowNs());
    this.#awake.abort();
  }

  /** Starts ticking. */
  async start(): Promise<void> {
    const { intervalNs, pause, dryRun = false } = this.options;
    this.log.info(
      { event: "started", driver: this.hypervisor.name, intervalMs: intervalNs / 1e6, pause, dryRun },
      dryRun ? "deciding, without doing anything" : "scheduling",
    );
    void this.#run().then(this.#finish?.resolve, this.#finish?.reject);
    await Promise.resolve();
  }

  /** Ends the loop; resolves when everything that could be released is. */
  stop(mode: StopMode): Promise<void> {
    this.#stop = this.#stop === "fast" ? "fast" : mode;
    this.#awake.abort();
    return this.ended;
  }

  /** Ends the loop as {@link stop} does, and then fails with this error. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.stop("graceful").catch(() => undefined);
  }

  async #run(): Promise<void> {
    try {
      const schedule = (this.#schedule = new TickSchedule(this.options, this.clock.nowNs()));
      const quietness = new Quietness(this.cycle, this.registry);
      while (this.#stop === undefined) {
        const beganNs = this.clock.nowNs();
        this.cycle.tick();
        this.#ticks++;
        this.ticked(beganNs);
        const quiet = schedule.slowsDown && quietness.look();
        const dueNs = schedule.next(beganNs, this.clock.nowNs(), quiet);
        this.#awake = new AbortController();
        // At least one turn of the event loop, so that signals and attaching get theirs.
        await this.clock.sleep(Math.max(0, dueNs - this.clock.nowNs()), this.#awake.signal);
      }
    } finally {
      // Also after an error: nothing may stay held or changed because of us.
      await this.#releaseAll().finally(() => {
        this.registry[Symbol.dispose]();
        this.hypervisor[Symbol.dispose]();
      });
    }
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  /** Throws ERR_TASKS_LEFT_HELD when something could not be let go. */
  async #releaseAll(): Promise<void> {
    if (this.options.dryRun === true) {
      this.log.info({ event: "stopped", left: 0 }, "nothing was done");
      return;
    }
    let fewest = Number.POSITIVE_INFINITY;
    let progressNs = this.clock.nowNs();
    let toUndo = this.#release();
    while (!this.cycle.allReleased() || toUndo > 0) {
      const nowNs = this.clock.nowNs();
      if (toUndo < fewest) {
        fewest = toUndo;
        progressNs = nowNs;
      }
      if (nowNs - progressNs >= (toUndo > 0 ? letGoPatienceNs : patienceNs[this.#stop ?? "fast"])) break;
      await this.clock.sleep(releaseIntervalNs);
      toUndo = this.#release();
    }
    const left = this.cycle.heldTasks() + this.cycle.changedPriorities() + this.cycle.shares.changed;
    const facts = {
      event: "stopped",
      left,
      ...this.counts,
      edits: Object.fromEntries(this.editLog.totals),
      pauses: this.cycle.pauses.summary(),
    };
    if (toUndo > 0) {
      const message = `${String(left)} tasks may stay held or at a priority not their own, or domains at a share not their own: they could not be let go within ${String(letGoPatienceNs / 1e9)} s`;
      this.log.error(facts, message);
      throw new VmmschedError("ERR_TASKS_LEFT_HELD", message, { left });
    }
    if (left === 0) this.log.info(facts, "everything is released");
    else this.log.warn(facts, "everything is let go, but not all of it runs again yet: is a guest paused?");
  }

  /**
   * One tick that releases; returns how many tasks it found that had not been let go before it. The snapshot is older
   * than the edits of its tick: only the next one tells what became of them. What fails is tried again.
   */
  #release(): number {
    try {
      this.cycle.tick(true);
      this.ticked(this.clock.nowNs());
      return this.cycle.toUndo();
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.log.error({ event: "release-failed", code: error.code }, error.message);
      return Math.max(1, this.cycle.toUndo());
    }
  }
}
