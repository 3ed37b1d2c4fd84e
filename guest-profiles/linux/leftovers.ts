import { isKernelObject, type GuestVa, type StructCursor } from "vmmsched/plugin-api";
import { JOBCTL_TRAP_FREEZE, TASK_SLEEPS_ON, TASK_TAKEN_OFF } from "./constants.js";
import { exitPathOf, type ExitPath } from "./exit-path.js";
import type { LinuxFacts } from "./facts.js";
import type { Holds } from "./holds.js";
import { isOffQueue, isTakenOff } from "./taken-off.js";

interface Suspect {
  readonly id: number;
  readonly startTimeNs: number;
}

/**
 * Tasks that a scheduler before this one left held: it was killed, or the guest was saved meanwhile and is another domain
 * now. They show in guest memory by what nobody but us leaves there:
 *
 * - The freezer's trap (JOBCTL_TRAP_FREEZE) on a task whose cgroup is not to be frozen. The guest sets the trap only after
 *   `e_freeze` of the cgroup, and takes it back only after that (cgroup_freeze, cgroup_do_freeze, cgroup_freezer_migrate_task,
 *   kernel/cgroup/freezer.c, 5.2 to 6.12). In the midst of a thaw `e_freeze` is 0 while traps are still there: hence two scans
 *   in a row must have seen it so. And were it a thaw that takes longer: a release does what the guest was about to do.
 * - The state of a task that was taken off its queue, on a stack that says that it was about to return to user mode: nothing
 *   in the kernel sleeps there.
 * - The state of a task that sleeps on (see planSleepOn), which nothing in the kernel has.
 */
export class Leftovers {
  readonly #onExitPath: ExitPath | undefined;
  readonly #knowsFreezer: boolean;
  /** Seen by the last scan, and by the one under way. */
  #before = new Map<GuestVa, Suspect>();
  #now = new Map<GuestVa, Suspect>();

  constructor(
    private readonly facts: LinuxFacts,
    private readonly holds: Holds,
  ) {
    const { task, cssSet, cgroup } = facts.layout;
    this.#onExitPath = exitPathOf(facts);
    this.#knowsFreezer = !Number.isNaN(task.cgroups + cssSet.defaultCgroup + cgroup.effectiveFreeze);
  }

  beginScan(): void {
    if (this.#now.size > 0) this.#now.clear();
  }

  /** Seen from afar, and for every task of the scan: worth a {@link look}? */
  isSuspect(task: StructCursor): boolean {
    const { task: at } = this.facts.layout;
    const state = task.i32(at.state);
    return (
      (task.i32(at.jobctl) & JOBCTL_TRAP_FREEZE) !== 0 || state === TASK_TAKEN_OFF || state === TASK_SLEEPS_ON
    );
  }

  /** Looks at one task of the scan; one that was left held is held by us from now on. */
  look(task: GuestVa, id: number, startTimeNs: number): void {
    const trapped = this.#isTrapped(task);
    if (!trapped && !this.#isTakenOff(task)) return;
    if (this.holds.get(task, id, startTimeNs) !== undefined || !this.#isProcess(task)) return;
    if (trapped && this.#isFreezing(task)) return;
    const before = this.#before.get(task);
    if (!trapped || (before?.id === id && before.startTimeNs === startTimeNs))
      this.holds.adopt(task, id, startTimeNs, "holding");
    else this.#now.set(task, { id, startTimeNs });
  }

  endScan(): void {
    const before = this.#before;
    this.#before = this.#now;
    this.#now = before;
  }

  #isTrapped(task: GuestVa): boolean {
    const { space, layout } = this.facts;
    return (space.u32(task, layout.task.jobctl) & JOBCTL_TRAP_FREEZE) !== 0;
  }

  #isTakenOff(task: GuestVa): boolean {
    const { space, layout } = this.facts;
    if (!isTakenOff(this.facts, task) || !isOffQueue(this.facts, task)) return false;
    return space.u32(task, layout.task.state) === TASK_SLEEPS_ON || this.#onExitPath?.(task) === true;
  }

  /** As for any hold: kernel threads, init and what exits are not touched. */
  #isProcess(task: GuestVa): boolean {
    const { space, layout } = this.facts;
    const at = layout.task;
    return (
      space.i32(task, at.tgid) > 1 &&
      isKernelObject(space.pointer(task, at.mm)) &&
      space.u32(task, at.exitState) === 0
    );
  }

  /** Does the guest itself want the task to be frozen? What cannot be told is taken for a yes. */
  #isFreezing(task: GuestVa): boolean {
    const { space, layout } = this.facts;
    if (!this.#knowsFreezer) return true;
    const set = space.pointer(task, layout.task.cgroups);
    if (!isKernelObject(set)) return true;
    const group = space.pointer(set, layout.cssSet.defaultCgroup);
    // The count of freezing groups above it, or a mere yes or no: the low byte serves for both.
    return !isKernelObject(group) || space.u8(group, layout.cgroup.effectiveFreeze) !== 0;
  }
}
