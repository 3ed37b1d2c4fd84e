import {
  isVmmschedError,
  type EditTransaction,
  type GuestDescription,
  type GuestFindings,
  type GuestKernel,
  type GuestVa,
  type HeldTask,
  type NotNow,
  type SnapshotBuilder,
  type TaskChange,
} from "vmmsched/plugin-api";
import type { LinuxFacts } from "./facts.js";
import { planHold, planRelease, type FreezerTrap } from "./freezer-trap.js";
import { Holds } from "./holds.js";
import { readTask } from "./task.js";
import { forEachTask } from "./task-list.js";
import type { WakeUp } from "./wake-up.js";

/** Lists change while we walk them; this often a scan starts over before it gives up. */
const scanTries = 5;

/** What a kernel is given beside where things are in it. */
export interface LinuxMeans {
  /** How tasks are woken; undefined where nothing can be held. */
  readonly wakeUp: WakeUp | undefined;
  readonly findings: () => GuestFindings;
}

/** A running Linux kernel. */
export class LinuxKernel implements GuestKernel {
  readonly #trap: FreezerTrap | undefined;
  readonly #visit: (task: GuestVa, leader: boolean) => void;
  #into: SnapshotBuilder | undefined;
  #restarts = 0;

  constructor(
    readonly description: GuestDescription,
    private readonly facts: LinuxFacts,
    private readonly means: LinuxMeans,
  ) {
    const { wakeUp } = means;
    this.#trap = wakeUp && { facts, holds: new Holds(facts, wakeUp), wakeUp };
    this.#visit = (task, leader) => {
      this.#addTask(task, leader);
    };
  }

  /** How often a list changed under a scan so that it had to start over. */
  get restarts(): number {
    return this.#restarts;
  }

  scan(into: SnapshotBuilder): void {
    this.#into = into;
    for (let attempt = 1; ; attempt++) {
      this.facts.space.flush();
      this.#trap?.holds.beginScan();
      try {
        forEachTask(this.facts, this.#visit);
        this.#trap?.holds.endScan();
        return;
      } catch (error) {
        if (attempt === scanTries || isVmmschedError(error, "ERR_SNAPSHOT_FULL")) throw error;
        this.#restarts++;
        into.restartDomain();
      }
    }
  }

  /** A trap in guest memory may be the guest's own freezer's: what is ours, only the kernel before this one knew. */
  adopt(held: readonly HeldTask[]): void {
    for (const { address, id, startTimeNs, hold } of held) {
      const releasing = hold === "releasing";
      this.#trap?.holds.note(address, id, startTimeNs, releasing ? "releasing" : "holding", releasing);
    }
  }

  findings(): GuestFindings {
    return this.means.findings();
  }

  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    if (this.#trap === undefined) return "untouchable";
    this.facts.space.flush();
    edit.begin(this.facts.space);
    try {
      return change.kind === "hold"
        ? planHold(this.#trap, change, edit)
        : planRelease(this.#trap, change, edit);
    } catch (error) {
      if (
        isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") ||
        isVmmschedError(error, "ERR_FRAME_UNREADABLE")
      )
        return "unreadable";
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#into = undefined;
  }

  #addTask(task: GuestVa, leader: boolean): void {
    if (this.#into === undefined) return;
    const { columns } = this.#into;
    const row = this.#into.addTask();
    readTask(this.facts, task, leader, columns, row);
    const holds = this.#trap?.holds;
    columns.hold[row] = holds?.observe(task, columns.id[row] ?? 0, columns.startTimeNs[row] ?? 0) ?? 0;
  }
}
