import { inject, injectable } from "tsyringe";
import { Clock } from "../clock.js";
import { isVmmschedError } from "../errors.js";
import type { GuestKernel, NotNow } from "../guest-profile.js";
import type { EditOutcome } from "../memory/edit-transaction.js";
import { Log } from "../log.js";
import { Policies, Wishes } from "../policies/policies.js";
import { CpuTimeDeltas } from "../snapshot/cpu-time-deltas.js";
import { type HostColumns, SharedHost } from "../snapshot/host-columns.js";
import { HostView } from "../snapshot/host-view.js";
import { SnapshotBuilder } from "../snapshot/snapshot-builder.js";
import { holdStates, type TaskColumns } from "../snapshot/task-columns.js";
import { CycleOptions } from "./cycle-options.js";
import { DomainRegistry } from "./domain-registry.js";
import { DryRun } from "./dry-run.js";
import { EditLog } from "./edit-log.js";
import { EditPhase } from "./edit-phase.js";
import { dropWishesOfLeaving, letLeave } from "./leaving.js";
import { LostDomains } from "./lost-domains.js";
import type { ManagedDomain } from "./managed-domain.js";
import type { PauseMeter } from "./pause-meter.js";
import { Changes, reconcile } from "./reconcile.js";

const unheld = holdStates.indexOf("none");
const releasing = holdStates.indexOf("releasing");

/** What became of one planned change. */
export type ChangeOutcome = EditOutcome | NotNow;

/**
 * One tick: scan every managed domain, let the policies decide, reconcile their wishes with what is, then pause the
 * domains with changes that can be made, edit, resume. With `pause: early` the pause begins before the scan and covers all domains.
 */
@injectable()
export class Cycle {
  readonly columns: TaskColumns;
  readonly #editing: EditPhase;
  readonly #view: HostView;
  readonly #dryRun: DryRun | undefined;
  readonly #builder: SnapshotBuilder;
  readonly #deltas: CpuTimeDeltas;
  readonly #wishes: Wishes;
  readonly #changes: Changes;
  readonly #lost: LostDomains;
  /** Told of every tick that asked the policies, with what they wished; guests run meanwhile. */
  ticked: (wishes: Wishes) => void = () => undefined;
  #lastTickNs = -1;

  constructor(
    @inject(DomainRegistry) private readonly registry: DomainRegistry,
    @inject(SharedHost) private readonly shared: HostColumns,
    @inject(Policies) private readonly policies: Policies,
    @inject(EditLog) private readonly editLog: EditLog,
    @inject(Clock) private readonly clock: Clock,
    @inject(CycleOptions) private readonly options: CycleOptions,
    @inject(Log) log: Log,
  ) {
    this.columns = shared.tasks;
    if (options.dryRun === true) this.#dryRun = new DryRun(options.maxTasks, log);
    this.#editing = new EditPhase(this.columns, registry, editLog, clock, options);
    this.#view = new HostView(shared);
    this.#builder = new SnapshotBuilder(this.columns);
    this.#deltas = new CpuTimeDeltas(options.maxTasks);
    this.#wishes = new Wishes(options.maxTasks);
    this.#changes = new Changes(options.maxTasks);
    this.#lost = new LostDomains(registry, editLog, this.#editing);
  }

  /** Runs one tick. With `releaseAll` no policy is asked and everything is released. */
  tick(releaseAll = false): void {
    const nowNs = this.clock.nowNs();
    this.registry.refresh(nowNs);
    try {
      if (this.options.pause === "early" && this.#dryRun === undefined) this.#editing.pauseAll();
      this.#scan(nowNs);
      this.#decide(releaseAll);
      if (this.#dryRun === undefined) this.#editing.apply(this.#changes);
    } finally {
      this.#editing.resumeAll();
    }
    this.#lastTickNs = nowNs;
    this.#dryRun?.tell(this.columns, this.#builder.rows, this.#wishes, this.registry);
    if (this.#dryRun === undefined) this.#lost.remember(this.columns, this.#builder.rows);
    this.editLog.flush(this.columns, this.registry, this.#wishes.reasons);
    if (!releaseAll) this.ticked(this.#wishes);
    letLeave(this.columns, this.#builder.rows, this.registry);
    this.#lost.giveUp(nowNs, releaseAll);
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
   * Of those, how many have not been let go yet: what keeps them parked is still ours. A domain that could not be read
   * counts as one, since something in it may be held.
   */
  tasksToLetGo(): number {
    let count = 0;
    for (let row = 0; row < this.#builder.rows; row++)
      if (this.columns.hold[row] !== unheld && this.columns.hold[row] !== releasing) count++;
    for (const domain of this.registry.domains) if (domain.kernel !== undefined && !domain.managed) count++;
    return count;
  }

  /** Nothing is held, and every domain in which something could be has been read. */
  allReleased(): boolean {
    return (
      this.heldTasks() === 0 &&
      this.registry.domains.every((domain) => domain.kernel === undefined || domain.managed)
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

  #decide(releaseAll: boolean): void {
    if (releaseAll) this.#wishes.clear(this.#builder.rows);
    else this.policies.decide(this.#wishes);
    dropWishesOfLeaving(this.columns, this.#builder.rows, this.registry, this.#wishes);
    reconcile(this.columns, this.#builder.rows, this.#wishes.holds, this.#changes);
  }
}
