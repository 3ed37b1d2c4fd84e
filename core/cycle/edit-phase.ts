import type { Clock } from "../clock.js";
import { isVmmschedError, messageOf } from "../errors.js";
import type { GuestKernel, HoldChange, PriorityChange, TaskChange, TaskIdentity } from "../guest-profile.js";
import type { PausedDomain } from "../hypervisor.js";
import { nullVa, type GuestVa } from "../memory/address.js";
import { EditTransaction } from "../memory/edit-transaction.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import type { CycleOptions } from "./cycle-options.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { ChangeOutcome } from "./cycle.js";
import type { EditLog } from "./edit-log.js";
import type { ManagedDomain } from "./managed-domain.js";
import { OwedResumes } from "./owed-resumes.js";
import { PauseMeter } from "./pause-meter.js";
import type { Changes } from "./reconcile.js";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Makes the changes of a tick: plans each on the running guest, pauses the domains in which something can be done, plans
 * again, commits, resumes. A domain in which that fails does not keep the others from theirs.
 */
export class EditPhase {
  readonly pauses = new PauseMeter();
  readonly #edit = new EditTransaction();
  /** Indices of the changes of one domain that can be made now. */
  readonly #ready: Int32Array;
  /** The objects that serve for all changes. */
  readonly #hold: Mutable<HoldChange> = { kind: "hold", address: nullVa, id: 0, startTimeNs: 0 };
  readonly #priority: Mutable<PriorityChange> = { ...this.#hold, kind: "priority", priority: 0 };
  readonly #before: Mutable<PriorityChange> = { ...this.#priority };
  /** By slot; empty unless all domains are paused ahead of the scan. */
  readonly #paused: PausedDomain[] = [];
  readonly #owed = new OwedResumes();
  #pausedSinceNs = 0;

  constructor(
    private readonly columns: TaskColumns,
    private readonly registry: DomainRegistry,
    private readonly editLog: EditLog,
    private readonly clock: Clock,
    private readonly options: CycleOptions,
  ) {
    this.#ready = new Int32Array(2 * options.maxTasks);
  }

  /** Pauses every managed domain. */
  pauseAll(): void {
    this.#owed.retry();
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

  /** Resumes what {@link pauseAll} paused, also when one of them fails to. */
  resumeAll(): void {
    if (this.#paused.length === 0) return;
    const failures: unknown[] = [];
    // Slots without a paused domain are holes.
    for (const [slot, paused] of this.#paused.entries())
      failures[slot] = (paused as PausedDomain | undefined) && this.#owed.resume(paused);
    const lengthNs = this.#recordPause(this.#pausedSinceNs);
    for (const domain of this.registry.domains) {
      if (this.#paused[domain.slot] === undefined) continue;
      domain.wasPaused(lengthNs);
      this.#tell(domain, failures[domain.slot]);
    }
    this.#paused.length = 0;
  }

  /** Makes the changes, as far as they can be made now. They come in row order, so those of one domain follow each other. */
  apply(changes: Changes): void {
    this.#owed.retry();
    for (let next = 0; next < changes.count;) {
      const slot = this.columns.domain[changes.rows[next] ?? 0] ?? -1;
      const from = next;
      while (next < changes.count && this.columns.domain[changes.rows[next] ?? 0] === slot) next++;
      const domain = this.registry.bySlot(slot);
      if (domain?.kernel !== undefined) this.#applyTo(domain, domain.kernel, changes, from, next);
    }
  }

  /**
   * Makes one change outside a tick; where a priority is to have been `before`, only if it still is. Returns what became
   * of it: an outcome, or in words what was thrown.
   */
  applyOne(managed: ManagedDomain, kernel: GuestKernel, change: TaskChange, before?: PriorityChange): string {
    const { domain } = managed;
    try {
      if (before !== undefined && kernel.plan(before, this.#edit) === "planned") return "nothing to do";
      const planned = kernel.plan(change, this.#edit);
      if (planned !== "planned") return planned;
      this.#edit.prepareWrites(domain);
      const sinceNs = this.clock.nowNs();
      const paused = domain.pause();
      try {
        return this.#editOne(kernel, paused, change, before);
      } finally {
        const failure = this.#owed.resume(paused);
        managed.wasPaused(this.#recordPause(sinceNs));
        this.#tell(managed, failure);
      }
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      return messageOf(error);
    }
  }

  #applyTo(domain: ManagedDomain, kernel: GuestKernel, changes: Changes, from: number, to: number): void {
    const already = this.#paused[domain.slot];
    if (already !== undefined) {
      for (let i = from; i < to; i++) this.#ready[i - from] = i;
      try {
        this.#editPaused(kernel, already, changes, to - from, this.#pausedSinceNs);
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        this.editLog.failed(domain, error);
      }
      return;
    }
    for (let i = from; i < to; i++) this.#ready[i - from] = i;
    const begun = this.#editReady(domain, kernel, changes, to - from);
    if (kernel.holdsInTwoSteps === true) this.#editReady(domain, kernel, changes, begun);
  }

  /** Makes the first `count` changes of `#ready` in a pause of their own. Leaves the holds that were committed there, and returns their number. */
  #editReady(domain: ManagedDomain, kernel: GuestKernel, changes: Changes, count: number): number {
    const ready = this.#prepare(domain, kernel, changes, count);
    if (ready === 0) return 0;
    let committed = 0;
    let paused: PausedDomain | undefined;
    let unresumed: unknown;
    const sinceNs = this.clock.nowNs();
    try {
      paused = domain.domain.pause();
      committed = this.#editPaused(kernel, paused, changes, ready, sinceNs);
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.editLog.failed(domain, error);
    } finally {
      unresumed = paused && this.#owed.resume(paused);
    }
    domain.wasPaused(this.#recordPause(sinceNs));
    this.#tell(domain, unresumed);
    return committed;
  }

  /** That a domain could not be resumed, if so. What is no error of ours goes on. */
  #tell(domain: ManagedDomain, failure: unknown): void {
    if (failure === undefined) return;
    if (!isVmmschedError(failure)) throw failure as Error;
    this.editLog.failed(domain, failure);
  }

  /**
   * Plans the first `candidates` changes of `#ready` on the running guest: what cannot be done now needs no pause, and what can
   * has its frames made ready. Leaves the latter in `#ready` and returns how many there are.
   */
  #prepare(domain: ManagedDomain, kernel: GuestKernel, changes: Changes, candidates: number): number {
    let count = 0;
    for (let next = 0; next < candidates; next++) {
      const i = this.#ready[next] ?? 0;
      try {
        const planned = kernel.plan(this.#changeAt(changes, i), this.#edit);
        if (planned === "planned") {
          this.#edit.prepareWrites(domain.domain);
          this.#ready[count++] = i;
        } else this.editLog.note(changes, i, planned);
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        this.editLog.failed(domain, error);
      }
    }
    return count;
  }

  /**
   * Plans again and commits the first `count` changes of `#ready`; what the budget leaves undone comes again with the next tick.
   * Leaves the holds that were committed in `#ready`, and returns their number.
   */
  #editPaused(
    kernel: GuestKernel,
    paused: PausedDomain,
    changes: Changes,
    count: number,
    sinceNs: number,
  ): number {
    let committed = 0;
    for (let next = 0; next < count; next++) {
      if (next > 0 && this.clock.nowNs() - sinceNs > this.options.pauseBudgetNs) break;
      const i = this.#ready[next] ?? 0;
      const change = this.#changeAt(changes, i);
      const outcome = this.#editOne(kernel, paused, change, this.#beforeAt(changes, i));
      this.editLog.note(changes, i, outcome);
      if (change.kind === "hold" && outcome === "committed") this.#ready[committed++] = i;
    }
    return committed;
  }

  /**
   * Plans again and commits. A task that is to get another priority must still have the one `before`: only then is it
   * known what the guest itself gave it last.
   */
  #editOne(
    kernel: GuestKernel,
    paused: PausedDomain,
    change: TaskChange,
    before: PriorityChange | undefined,
  ): ChangeOutcome {
    const still = before === undefined ? "nothing to do" : kernel.plan(before, this.#edit);
    if (still !== "nothing to do") return still === "planned" ? "stale" : still;
    const planned = kernel.plan(change, this.#edit);
    return planned === "planned" ? this.#edit.commit(paused) : planned;
  }

  /** The change at index `i`. */
  #changeAt(changes: Changes, i: number): TaskChange {
    const row = changes.rows[i] ?? 0;
    const kind = changes.kind(i);
    if (kind === "priority") return this.#priorityAt(row, changes.to[i] ?? 0, this.#priority);
    this.#hold.kind = kind;
    this.#identify(row, this.#hold);
    return this.#hold;
  }

  /** The priority that the task has in the snapshot, where the change at index `i` is to be of that. */
  #beforeAt(changes: Changes, i: number): PriorityChange | undefined {
    if (changes.kind(i) !== "priority") return undefined;
    return this.#priorityAt(changes.rows[i] ?? 0, changes.from[i] ?? 0, this.#before);
  }

  #priorityAt(row: number, priority: number, into: Mutable<PriorityChange>): PriorityChange {
    into.priority = priority;
    this.#identify(row, into);
    return into;
  }

  #identify(row: number, into: Mutable<TaskIdentity>): void {
    into.address = (this.columns.address[row] ?? 0) as GuestVa;
    into.id = this.columns.id[row] ?? 0;
    into.startTimeNs = this.columns.startTimeNs[row] ?? 0;
  }

  /** Returns how long it was. */
  #recordPause(sinceNs: number): number {
    const lengthNs = this.clock.nowNs() - sinceNs;
    this.pauses.record(lengthNs, this.options.pauseBudgetNs);
    return lengthNs;
  }
}
