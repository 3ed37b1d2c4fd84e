import type { GuestKernel, TaskIdentity } from "../guest-profile.js";
import type { GuestVa } from "../memory/address.js";
import { holdStates, type TaskColumns } from "../snapshot/task-columns.js";
import type { ChangeOutcome } from "./cycle.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { EditLog } from "./edit-log.js";
import type { EditPhase } from "./edit-phase.js";
import type { ManagedDomain } from "./managed-domain.js";
import type { TaskPriority } from "./priority-entries.js";

/** A task that is held, as it was last seen. */
export interface HeldRecord extends TaskIdentity {
  readonly process: number;
  readonly name: string;
}

const heldStates = [holdStates.indexOf("holding"), holdStates.indexOf("held")];
/** How long it is tried to let tasks go in a domain whose task lists cannot be read any more. */
const patienceNs = 5e9;
/** With these there is nothing left that would keep the task parked. */
const letGo: readonly ChangeOutcome[] = ["committed", "nothing to do", "gone"];

/**
 * Remembers what is held in each domain, for when its task lists cannot be read any more: before such a kernel is given
 * up, its tasks are let go, and given back their own priority, one by one and without a scan.
 */
export class LostDomains {
  readonly #held = new WeakMap<ManagedDomain, readonly HeldRecord[]>();

  constructor(
    private readonly registry: DomainRegistry,
    private readonly editLog: EditLog,
    private readonly editing: EditPhase,
  ) {}

  /** What is held after a tick, in the domains that could be read. To be called before the edit log is flushed. */
  remember(columns: TaskColumns, rows: number): void {
    const edited = this.editLog.committedHolds();
    const bySlot = new Map<number, HeldRecord[]>();
    for (let row = 0; row < rows; row++) {
      const kind = edited.get(row);
      if (kind === undefined ? !heldStates.includes(columns.hold[row] ?? 0) : kind === "release") continue;
      const slot = columns.domain[row] ?? -1;
      const list = bySlot.get(slot) ?? [];
      bySlot.set(slot, list);
      list.push({
        address: (columns.address[row] ?? 0) as GuestVa,
        id: columns.id[row] ?? 0,
        startTimeNs: columns.startTimeNs[row] ?? 0,
        process: columns.process[row] ?? 0,
        name: columns.names.get(row, "latin1"),
      });
    }
    for (const domain of this.registry.domains)
      if (domain.managed) this.#held.set(domain, bySlot.get(domain.slot) ?? []);
  }

  /** What was held in it when its tasks were last read. */
  heldIn(domain: ManagedDomain): readonly HeldRecord[] {
    return this.#held.get(domain) ?? [];
  }

  /**
   * Between two ticks: lets tasks go in the domains that are lost, and gives up those in which everything is undone. One in
   * which something is not when patience ends is given up, too, and told, but for when the scheduler `stops`:
   * then it has to know. Where another kernel runs by now, everything has ended with the one before.
   */
  giveUp(nowNs: number, stops: boolean): void {
    for (const domain of this.registry.domains) {
      const { kernel, lost } = domain;
      if (kernel === undefined || lost === undefined) continue;
      if (lost.replaced) {
        this.#held.delete(domain);
        domain.priorities.forget();
        domain.giveUp(nowNs);
        continue;
      }
      let reason = lost.reason;
      const left = (this.#held.get(domain) ?? []).filter((task) => {
        const outcome = this.editing.applyOne(domain, kernel, { ...task, kind: "release" });
        if (letGo.includes(outcome as ChangeOutcome)) {
          this.editLog.released(domain, task, outcome);
          return false;
        }
        reason = outcome;
        return true;
      });
      this.#held.set(domain, left);
      const changed = domain.priorities.changed().filter((task) => {
        const outcome = this.#restore(domain, kernel, task);
        if (letGo.includes(outcome as ChangeOutcome)) {
          this.editLog.restored(domain, task, outcome);
          domain.priorities.restored(task);
          return false;
        }
        reason = outcome;
        return true;
      });
      const undone = left.length + changed.length === 0;
      if (!undone && (stops || nowNs - lost.sinceNs < patienceNs)) continue;
      if (!undone) this.editLog.left(domain, left, changed, reason);
      domain.giveUp(nowNs);
    }
  }

  #restore(domain: ManagedDomain, kernel: GuestKernel, task: TaskPriority): string {
    const { address, id, startTimeNs, original, set = original } = task;
    const ours = { kind: "priority", address, id, startTimeNs, priority: set } as const;
    return this.editing.applyOne(domain, kernel, { ...ours, priority: original }, ours);
  }
}
