import { isVmmschedError, type GuestVa } from "vmmsched/plugin-api";
import type { AddressSet } from "./address-set.js";
import { PF_EXITING } from "./constants.js";
import type { LinuxFacts } from "./facts.js";
import type { Holds } from "./holds.js";
import { QueuedTasks } from "./run-queue/queued-tasks.js";

/** More than this many of them are not told of. */
const mostHidden = 256;

/** A task that the scheduler of the guest has, and its lists of tasks have not. */
interface Suspect {
  readonly id: number;
  readonly startTimeNs: number;
  /** Seen in two scans: one that just exits or was made after the lists were walked is not seen in the next. */
  confirmed: boolean;
}

/**
 * Compares the guest's run queues with its lists of tasks. Who hides a process takes it off the lists (direct kernel object
 * manipulation), but it must stay on a run queue to run. Once found it is remembered until it exits: it may sleep, or we hold it.
 * One that is taken off the lists while we hold it is on no queue either: those that we hold are looked at, too.
 */
export class HiddenTasks {
  readonly #suspects = new Map<GuestVa, Suspect>();
  readonly #met = new Set<GuestVa>();
  readonly #one = new Float64Array(1);
  #listed: AddressSet | undefined;
  readonly #queued: QueuedTasks;
  /** Made once: a scan that finds nothing allocates nothing. */
  readonly #lookAtQueues = () => {
    this.#queued.look();
  };
  readonly #meetUnlisted = (task: GuestVa) => {
    if (this.#listed !== undefined && !this.#isListed(this.#listed, task)) this.#meet(task);
  };

  constructor(private readonly facts: LinuxFacts) {
    this.#queued = new QueuedTasks(facts);
  }

  /** Has this task been found to be hidden? */
  has(task: GuestVa): boolean {
    return this.#suspects.get(task)?.confirmed === true;
  }

  /**
   * Looks at the run queues of a scan that has walked the lists. `listed`: the tasks on them. `held`: those that we hold.
   * `visit` gets every hidden one.
   */
  look(listed: AddressSet, held: Holds | undefined, visit: (task: GuestVa) => void): void {
    this.#listed = listed;
    if (this.#suspects.size > 0) this.#forget(listed);
    if (this.#met.size > 0) this.#met.clear();
    this.#quietly(this.#lookAtQueues);
    for (let i = 0; i < this.#queued.count; i++)
      if (!listed.has(this.#queued.found, i)) this.#meet((this.#queued.found[i] ?? 0) as GuestVa);
    held?.forEach(this.#meetUnlisted);
    if (this.#suspects.size > 0) this.#show(visit);
  }

  #isListed(listed: AddressSet, task: GuestVa): boolean {
    this.#one[0] = task;
    return listed.has(this.#one, 0);
  }

  #forget(listed: AddressSet): void {
    for (const [task, suspect] of this.#suspects)
      if (this.#isListed(listed, task) || !this.#isStill(task, suspect)) this.#suspects.delete(task);
  }

  #show(visit: (task: GuestVa) => void): void {
    for (const [task, suspect] of this.#suspects) {
      if (suspect.confirmed) visit(task);
      else if (!this.#met.has(task)) this.#suspects.delete(task);
    }
  }

  #meet(task: GuestVa): void {
    if (this.#met.has(task)) return;
    const known = this.#suspects.get(task);
    if (known !== undefined) {
      this.#met.add(task);
      known.confirmed = true;
      return;
    }
    if (this.#suspects.size >= mostHidden) return;
    this.#quietly(() => {
      const { space, layout } = this.facts;
      const id = space.i32(task, layout.task.pid);
      const suspect = { id, startTimeNs: space.u64(task, layout.task.startTime), confirmed: false };
      if (id <= 0 || !this.#isStill(task, suspect)) return;
      this.#met.add(task);
      this.#suspects.set(task, suspect);
    });
  }

  #isStill(task: GuestVa, { id, startTimeNs }: Suspect): boolean {
    const { space, layout } = this.facts;
    const at = layout.task;
    let still = false;
    this.#quietly(() => {
      still =
        space.i32(task, at.pid) === id &&
        space.u64(task, at.startTime) === startTimeNs &&
        space.u32(task, at.exitState) === 0 &&
        (space.u32(task, at.flags) & PF_EXITING) === 0;
    });
    return still;
  }

  /** What is queued may be gone by the time it is read: then it is passed over. */
  #quietly(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (
        isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") ||
        isVmmschedError(error, "ERR_FRAME_UNREADABLE")
      )
        return;
      throw error;
    }
  }
}
