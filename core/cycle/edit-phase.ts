import type { Clock } from "../clock.js";
import { isVmmschedError, messageOf } from "../errors.js";
import type { GuestKernel, TaskChange } from "../guest-profile.js";
import type { PausedDomain } from "../hypervisor.js";
import { nullVa, type GuestVa } from "../memory/address.js";
import { EditTransaction } from "../memory/edit-transaction.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import type { CycleOptions } from "./cycle-options.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { EditLog } from "./edit-log.js";
import type { ManagedDomain } from "./managed-domain.js";
import { PauseMeter } from "./pause-meter.js";
import type { Changes } from "./reconcile.js";

/**
 * Makes the changes of a tick: plans each on the running guest, pauses the domains in which something can be done, plans
 * again, commits, resumes. A domain in which that fails does not keep the others from theirs.
 */
export class EditPhase {
  readonly pauses = new PauseMeter();
  readonly #edit = new EditTransaction();
  /** Indices of the changes of one domain that can be made now. */
  readonly #ready: Int32Array;
  readonly #change: { -readonly [Key in keyof TaskChange]: TaskChange[Key] } = {
    kind: "hold",
    address: nullVa,
    id: 0,
    startTimeNs: 0,
  };
  /** By slot; empty unless all domains are paused ahead of the scan. */
  readonly #paused: PausedDomain[] = [];
  #pausedSinceNs = 0;

  constructor(
    private readonly columns: TaskColumns,
    private readonly registry: DomainRegistry,
    private readonly editLog: EditLog,
    private readonly clock: Clock,
    private readonly options: CycleOptions,
  ) {
    this.#ready = new Int32Array(options.maxTasks);
  }

  /** Pauses every managed domain. */
  pauseAll(): void {
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
    for (const paused of this.#paused) {
      try {
        // Slots without a paused domain are holes.
        (paused as PausedDomain | undefined)?.[Symbol.dispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    this.#paused.length = 0;
    this.#recordPause(this.#pausedSinceNs);
    if (failures.length > 0) throw failures[0];
  }

  /** Makes the changes, as far as they can be made now. They come in row order, so those of one domain follow each other. */
  apply(changes: Changes): void {
    for (let next = 0; next < changes.count;) {
      const slot = this.columns.domain[changes.rows[next] ?? 0] ?? -1;
      const from = next;
      while (next < changes.count && this.columns.domain[changes.rows[next] ?? 0] === slot) next++;
      const domain = this.registry.bySlot(slot);
      if (domain?.kernel !== undefined) this.#applyTo(domain, domain.kernel, changes, from, next);
    }
  }

  /** Makes one change outside a tick. Returns what became of it: an outcome, or in words what was thrown. */
  applyOne({ domain }: ManagedDomain, kernel: GuestKernel, change: TaskChange): string {
    try {
      const planned = kernel.plan(change, this.#edit);
      if (planned !== "planned") return planned;
      this.#edit.prepareWrites(domain);
      const sinceNs = this.clock.nowNs();
      try {
        using paused = domain.pause();
        const again = kernel.plan(change, this.#edit);
        return again === "planned" ? this.#edit.commit(paused) : again;
      } finally {
        this.#recordPause(sinceNs);
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
    const ready = this.#prepare(domain, kernel, changes, from, to);
    if (ready === 0) return;
    const sinceNs = this.clock.nowNs();
    try {
      using paused = domain.domain.pause();
      this.#editPaused(kernel, paused, changes, ready, sinceNs);
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.editLog.failed(domain, error);
    }
    this.#recordPause(sinceNs);
  }

  /**
   * Plans each change on the running guest: what cannot be done now needs no pause, and what can has its frames made
   * ready. Fills `#ready` with the indices of the latter and returns how many there are.
   */
  #prepare(domain: ManagedDomain, kernel: GuestKernel, changes: Changes, from: number, to: number): number {
    let count = 0;
    for (let i = from; i < to; i++) {
      try {
        const planned = kernel.plan(this.#changeAt(changes, i), this.#edit);
        if (planned === "planned") {
          this.#edit.prepareWrites(domain.domain);
          this.#ready[count++] = i;
        } else this.editLog.note(changes.rows[i] ?? 0, this.#change.kind, planned);
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        this.editLog.failed(domain, error);
      }
    }
    return count;
  }

  /** Plans again and commits the first `count` changes of `#ready`; what the budget leaves undone comes again with the next tick. */
  #editPaused(
    kernel: GuestKernel,
    paused: PausedDomain,
    changes: Changes,
    count: number,
    sinceNs: number,
  ): void {
    for (let next = 0; next < count; next++) {
      if (next > 0 && this.clock.nowNs() - sinceNs > this.options.pauseBudgetNs) return;
      const i = this.#ready[next] ?? 0;
      const planned = kernel.plan(this.#changeAt(changes, i), this.#edit);
      this.editLog.note(
        changes.rows[i] ?? 0,
        this.#change.kind,
        planned === "planned" ? this.#edit.commit(paused) : planned,
      );
    }
  }

  /** The change at index `i`, in the one object that serves for all. */
  #changeAt(changes: Changes, i: number): TaskChange {
    const row = changes.rows[i] ?? 0;
    this.#change.kind = changes.holds[i] === 1 ? "hold" : "release";
    this.#change.address = (this.columns.address[row] ?? 0) as GuestVa;
    this.#change.id = this.columns.id[row] ?? 0;
    this.#change.startTimeNs = this.columns.startTimeNs[row] ?? 0;
    return this.#change;
  }

  #recordPause(sinceNs: number): void {
    this.pauses.record(this.clock.nowNs() - sinceNs, this.options.pauseBudgetNs);
  }
}
