import { inject, injectable } from "tsyringe";
import { Clock } from "../clock.js";
import { isVmmschedError } from "../errors.js";
import type { GuestKernel, NotNow } from "../guest-profile.js";
import { Guard } from "../guard/guard.js";
import type { EditOutcome } from "../memory/edit-transaction.js";
import { Log } from "../log.js";
import { Policies, Wishes } from "../policies/policies.js";
import { CpuTimeDeltas } from "../snapshot/cpu-time-deltas.js";
import { type HostColumns, SharedHost } from "../snapshot/host-columns.js";
import { HostView } from "../snapshot/host-view.js";
import { SnapshotBuilder } from "../snapshot/snapshot-builder.js";
import { holdStates, type TaskColumns } from "../snapshot/task-columns.js";
import { CycleJournal } from "./cycle-journal.js";
import { CycleOptions } from "./cycle-options.js";
import { DomainRegistry } from "./domain-registry.js";
import { DryRun } from "./dry-run.js";
import { EditLog } from "./edit-log.js";
import { EditPhase } from "./edit-phase.js";
import { GuestHealth } from "./guest-health.js";
import { dropWishesOfLeaving, letLeave } from "./leaving.js";
import { LostDomains } from "./lost-domains.js";
import type { ManagedDomain } from "./managed-domain.js";
import type { PauseMeter } from "./pause-meter.js";
import { Priorities } from "./priorities.js";
import { Changes, reconcile } from "./reconcile.js";
import { ShareTimes } from "./share-times.js";
import { Shares } from "./shares.js";
import { TaskHistory } from "./task-history.js";

const unheld = holdStates.indexOf("none");
const releasing = holdStates.indexOf("releasing");

/** What became of one planned change. */
export type ChangeOutcome = EditOutcome | NotNow;

/** What the last tick came to, beside the snapshot. By row; valid until the next tick. */
export interface LastTick {
  /** Host clock when it began. */
  readonly beganNs: number;
  /** Policies were not asked: everything is being released. */
  readonly releaseAll: boolean;
  readonly wishes: Wishes;
  /** Priorities that tasks are to have, in the guest's own scale. */
  readonly priorities: Int32Array;
}

/**
 * One tick: scan every managed domain, let the policies decide, reconcile their wishes with what is, then pause the
 * domains with changes that can be made, edit, resume; then set the domains' weights and caps. With `pause: early` the pause begins before the scan and covers all domains.
 */
@injectable()
export class Cycle {
  readonly columns: TaskColumns;
  readonly shares: Shares;
  readonly guard: Guard;
  readonly history: TaskHistory;
  readonly health: GuestHealth;
  readonly shareTimes = new ShareTimes();
  readonly #editing: EditPhase;
  readonly #view: HostView;
  readonly #dryRun: DryRun | undefined;
  readonly #builder: SnapshotBuilder;
  readonly #deltas: CpuTimeDeltas;
  readonly #wishes: Wishes;
  readonly #changes: Changes;
  readonly #priorities: Priorities;
  readonly #lost: LostDomains;
  /** Told of every tick that asked the policies, with what they wished; guests run meanwhile. */
  ticked: (wishes: Wishes) => void = () => undefined;
  #lastTickNs = -1;
  #lastReleasedAll = false;

  constructor(
    @inject(DomainRegistry) private readonly registry: DomainRegistry,
    @inject(SharedHost) private readonly shared: HostColumns,
    @inject(Policies) private readonly policies: Policies,
    @inject(EditLog) private readonly editLog: EditLog,
    @inject(Clock) private readonly clock: Clock,
    @inject(CycleOptions) private readonly options: CycleOptions,
    @inject(Log) log: Log,
    @inject(CycleJournal) readonly journal: CycleJournal = new CycleJournal(undefined, shared.tasks, log),
  ) {
    this.columns = shared.tasks;
    if (options.dryRun === true) this.#dryRun = new DryRun(options.maxTasks, log);
    this.#editing = new EditPhase(this.columns, registry, editLog, clock, options);
    this.#view = new HostView(shared);
    this.#builder = new SnapshotBuilder(this.columns);
    this.#deltas = new CpuTimeDeltas(options.maxTasks);
    this.#wishes = new Wishes(options.maxTasks);
    this.#changes = new Changes(options.maxTasks);
    this.#priorities = new Priorities(this.columns, registry, options.maxTasks);
    this.shares = new Shares(registry, log, journal);
    this.#lost = new LostDomains(registry, editLog, this.#editing);
    this.guard = new Guard(registry, this.columns, options, log);
    this.health = new GuestHealth(registry, log);
    this.history = new TaskHistory(this.columns, registry);
  }

  /** Runs one tick. With `releaseAll` no policy is asked and everything is released. */
  tick(releaseAll = false): void {
    const nowNs = this.clock.nowNs();
    this.registry.refresh(nowNs);
    this.journal.inherit(this.registry, nowNs);
    try {
      if (this.options.pause === "early" && this.#dryRun === undefined) this.#editing.pauseAll();
      this.#scan(nowNs);
      this.health.look(nowNs);
      this.#decide(releaseAll);
      if (this.#dryRun === undefined) this.#edit();
    } finally {
      try {
        this.#editing.resumeAll();
      } finally {
        // Also when something failed: what was changed is to be given back.
        this.#priorities.settle(this.editLog);
      }
    }
    this.#lastTickNs = nowNs;
    if (this.#dryRun === undefined) this.shares.apply(this.#wishes);
    else this.shares.tell(this.#wishes);
    this.#dryRun?.tell(
      this.columns,
      this.#builder.rows,
      this.#wishes,
      this.#priorities.wanted,
      this.registry,
    );
    if (this.#dryRun === undefined) this.#lost.remember(this.columns, this.#builder.rows);
    this.guard.remember((domain) => this.#lost.heldIn(domain));
    this.guard.flush();
    this.health.edited(this.columns, this.editLog);
    this.health.flush();
    this.history.observe(this.#builder.rows, this.#wishes, this.#changes, this.editLog, nowNs);
    this.shareTimes.observe(this.registry.domains, nowNs);
    this.#lastReleasedAll = releaseAll;
    this.editLog.flush(this.columns, this.registry, this.#wishes);
    if (!releaseAll) this.ticked(this.#wishes);
    if (this.#dryRun === undefined) this.journal.after(this.#builder.rows, this.registry);
    letLeave(this.columns, this.#builder.rows, this.registry, this.journal.inheritanceIsSettled);
    this.#lost.giveUp(nowNs, releaseAll);
  }

  /** Undefined before the first tick. */
  get last(): LastTick | undefined {
    if (this.#lastTickNs < 0) return undefined;
    return {
      beganNs: this.#lastTickNs,
      releaseAll: this.#lastReleasedAll,
      wishes: this.#wishes,
      priorities: this.#priorities.wanted,
    };
  }

  /** Between the last tick and the one before it. */
  get intervalNs(): number {
    return this.shared.intervalNs;
  }

  /** Lengths of the pauses so far. */
  get pauses(): PauseMeter {
    return this.#editing.pauses;
  }

  /** How many tasks the last tick saw. */
  get tasks(): number {
    return this.#builder.rows;
  }

  /** How many tasks are held, or on the way there or back, in the domains that the last tick could read. */
  heldTasks(): number {
    let count = 0;
    for (let row = 0; row < this.#builder.rows; row++) if (this.columns.hold[row] !== unheld) count++;
    return count;
  }

  /**
   * Of those, how many have not been let go yet: what keeps them parked is still ours; how many have a priority that is not
   * their own; how many domains a share; and what a scheduler before this one may have left held. A domain that could not be read counts
   * as one, since something in it may be held.
   */
  toUndo(): number {
    let count = 0;
    for (let row = 0; row < this.#builder.rows; row++)
      if (this.columns.hold[row] !== unheld && this.columns.hold[row] !== releasing) count++;
    for (const domain of this.registry.domains) if (domain.kernel !== undefined && !domain.managed) count++;
    return count + this.changedPriorities() + this.shares.changed + this.journal.awaited;
  }

  /** How many tasks have a priority that is not their own, in the domains that the last tick could read. */
  changedPriorities(): number {
    return this.#priorities.changed;
  }

  /** Nothing is held or changed, and every domain in which something could be has been read. */
  allReleased(): boolean {
    return (
      this.heldTasks() === 0 &&
      this.shares.changed === 0 &&
      this.journal.awaited === 0 &&
      this.registry.domains.every(
        ({ kernel, managed, priorities }) => kernel === undefined || (managed && priorities.empty),
      )
    );
  }

  /** The host as the last tick saw it. Valid until the next one. */
  view(): HostView {
    return this.#view.refresh();
  }

  /** Fills the snapshot and shows it, without deciding anything. */
  look(): HostView {
    const nowNs = this.clock.nowNs();
    this.#scan(nowNs);
    this.#lastTickNs = nowNs;
    return this.view();
  }

  #scan(nowNs: number): void {
    this.shared.beginWriting();
    this.#builder.begin();
    for (const domain of this.registry.domains) {
      if (domain.kernel !== undefined) this.#scanDomain(domain, domain.kernel, nowNs);
    }
    const first = this.#lastTickNs < 0;
    this.#deltas.update(this.columns, this.#builder.rows);
    const intervalNs = first ? 0 : nowNs - this.#lastTickNs;
    this.guard.judge(this.#builder.rows, nowNs, intervalNs);
    this.shared.setFacts({ ...this.clock.wallTime(), cpuCount: this.registry.cpuCount });
    this.shared.endWriting(this.registry.domains, this.#builder.rows, nowNs, intervalNs);
  }

  #scanDomain(domain: ManagedDomain, kernel: GuestKernel, nowNs: number): void {
    this.#builder.beginDomain(domain.slot);
    try {
      kernel.scan(this.#builder);
      domain.scanned();
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.#builder.restartDomain();
      domain.scanFailed(nowNs, error);
    }
  }

  #edit(): void {
    const { pause, intervalNs: budgetNs } = this.options;
    const { rows } = this.#builder;
    const chance = { budgetNs, paused: pause === "early" };
    this.journal.before(this.#changes, rows, this.registry, chance);
    this.#editing.apply(this.#changes);
  }

  #decide(releaseAll: boolean): void {
    if (releaseAll) this.#wishes.clear(this.#builder.rows);
    else {
      this.policies.decide(this.#wishes);
      this.guard.restrain(this.#builder.rows, this.#wishes);
    }
    dropWishesOfLeaving(this.columns, this.#builder.rows, this.registry, this.#wishes);
    this.#priorities.want(this.#builder.rows, this.#wishes.nices);
    const { wanted } = this.#priorities;
    reconcile(this.columns, this.#builder.rows, this.#wishes.holds, wanted, this.#changes);
  }
}
