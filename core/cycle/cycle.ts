import { inject, injectable } from "tsyringe";
import { Clock } from "../clock.js";
import { isVmmschedError } from "../errors.js";
import type { GuestKernel, NotNow, TaskChange } from "../guest-profile.js";
import type { PausedDomain } from "../hypervisor.js";
import { nullVa, type GuestVa } from "../memory/address.js";
import { EditTransaction, type EditOutcome } from "../memory/edit-transaction.js";
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
import { dropWishesOfLeaving, letLeave } from "./leaving.js";
import { LostDomains } from "./lost-domains.js";
import type { ManagedDomain } from "./managed-domain.js";
import { PauseMeter } from "./pause-meter.js";
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
  readonly pauses = new PauseMeter();
  readonly #view: HostView;
  readonly #dryRun: DryRun | undefined;
  readonly #builder: SnapshotBuilder;
  readonly #deltas: CpuTimeDeltas;
  readonly #wishes: Wishes;
  readonly #changes: Changes;
  readonly #ready: Int32Array;
  readonly #edit = new EditTransaction();
  readonly #change: { -readonly [Key in keyof TaskChange]: TaskChange[Key] } = {
    kind: "hold",
    address: nullVa,
    id: 0,
    startTimeNs: 0,
  };
  readonly #paused: PausedDomain[] = [];
  readonly #lost: LostDomains;
  /** Told of every tick that asked the policies, with what they wished; guests run meanwhile. */
  ticked: (wishes: Wishes) => void = () => undefined;
  #lastTickNs = -1;
  #pausedSinceNs = 0;

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
    this.#view = new HostView(shared);
    this.#builder = new SnapshotBuilder(this.columns);
    this.#deltas = new CpuTimeDeltas(options.maxTasks);
    this.#wishes = new Wishes(options.maxTasks);
    this.#changes = new Changes(options.maxTasks);
    this.#ready = new Int32Array(options.maxTasks);
    this.#lost = new LostDomains(registry, editLog, this.#edit, this.pauses, clock, options.pauseBudgetNs);
  }

  /** Runs one tick. With `releaseAll` no policy is asked and everything is released. */
  tick(releaseAll = false): void {
    const nowNs = this.clock.nowNs();
    this.registry.refresh(nowNs);
    try {
      if (this.options.pause === "early" && this.#dryRun === undefined) this.#pauseAll();
      this.#scan(nowNs);
      this.#decide(releaseAll);
      if (this.#dryRun === undefined) this.#apply();
    } finally {
      this.#resumeAll();
    }
    this.#lastTickNs = nowNs;
    this.#dryRun?.tell(this.columns, this.#builder.rows, this.#wishes, this.registry);
    if (this.#dryRun === undefined) this.#lost.remember(this.columns, this.#builder.rows);
    this.editLog.flush(this.columns, this.registry, this.#wishes.reasons);
    if (!releaseAll) this.ticked(this.#wishes);
    letLeave(this.columns, this.#builder.rows, this.registry);
    this.#lost.giveUp(nowNs, releaseAll);
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

  /** Changes come in row order, so those of one domain follow each other. */
  #apply(): void {
    for (let next = 0; next < this.#changes.count;) {
      const slot = this.columns.domain[this.#changes.rows[next] ?? 0] ?? -1;
      const from = next;
      while (next < this.#changes.count && this.columns.domain[this.#changes.rows[next] ?? 0] === slot)
        next++;
      const domain = this.registry.bySlot(slot);
      if (domain?.kernel !== undefined) this.#applyTo(domain, domain.kernel, from, next);
    }
  }

  #applyTo(domain: ManagedDomain, kernel: GuestKernel, from: number, to: number): void {
    const already = this.#paused[domain.slot];
    if (already !== undefined) {
      for (let i = from; i < to; i++) this.#ready[i - from] = i;
      try {
        this.#editPaused(kernel, already, to - from, this.#pausedSinceNs);
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        this.editLog.failed(domain, error);
      }
      return;
    }
    const ready = this.#prepare(domain, kernel, from, to);
    if (ready === 0) return;
    const sinceNs = this.clock.nowNs();
    try {
      using paused = domain.domain.pause();
      this.#editPaused(kernel, paused, ready, sinceNs);
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.editLog.failed(domain, error);
    }
    this.pauses.record(this.clock.nowNs() - sinceNs, this.options.pauseBudgetNs);
  }

  /**
   * Plans each change on the running guest: what cannot be done now needs no pause, and what can has its frames made
   * ready. Fills `#ready` with the indices of the latter and returns how many there are.
   */
  #prepare(domain: ManagedDomain, kernel: GuestKernel, from: number, to: number): number {
    let count = 0;
    for (let i = from; i < to; i++) {
      try {
        const planned = kernel.plan(this.#changeAt(i), this.#edit);
        if (planned === "planned") {
          this.#edit.prepareWrites(domain.domain);
          this.#ready[count++] = i;
        } else this.editLog.note(this.#changes.rows[i] ?? 0, this.#change.kind, planned);
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        this.editLog.failed(domain, error);
      }
    }
    return count;
  }

  /** Plans again and commits the first `count` changes of `#ready`; what the budget leaves undone comes again with the next tick. */
  #editPaused(kernel: GuestKernel, paused: PausedDomain, count: number, sinceNs: number): void {
    for (let next = 0; next < count; next++) {
      if (next > 0 && this.clock.nowNs() - sinceNs > this.options.pauseBudgetNs) return;
      const i = this.#ready[next] ?? 0;
      const planned = kernel.plan(this.#changeAt(i), this.#edit);
      this.editLog.note(
        this.#changes.rows[i] ?? 0,
        this.#change.kind,
        planned === "planned" ? this.#edit.commit(paused) : planned,
      );
    }
  }

  /** The change at index `i`, in the one object that serves for all. */
  #changeAt(i: number): TaskChange {
    const row = this.#changes.rows[i] ?? 0;
    this.#change.kind = this.#changes.holds[i] === 1 ? "hold" : "release";
    this.#change.address = (this.columns.address[row] ?? 0) as GuestVa;
    this.#change.id = this.columns.id[row] ?? 0;
    this.#change.startTimeNs = this.columns.startTimeNs[row] ?? 0;
    return this.#change;
  }

  #pauseAll(): void {
    this.#pausedSinceNs = this.clock.nowNs();
    for (const domain of this.registry.domains) {
      if (domain.kernel === undefined) continue;
      try {
        this.#paused[domain.slot] = domain.domain.pause();
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        this.editLog.failed(domain, error);
      }
    }
  }

  /** Resumes all, also when one of them fails to. */
  #resumeAll(): void {
    if (this.#paused.length === 0) return;
    const failures: unknown[] = [];
    for (const paused of this.#paused) {
      try {
        // Slots without a paused domain are holes.
        (paused as PausedDomain | undefined)?.[Symbol.dispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    this.#paused.length = 0;
    this.pauses.record(this.clock.nowNs() - this.#pausedSinceNs, this.options.pauseBudgetNs);
    if (failures.length > 0) throw failures[0];
  }
}
