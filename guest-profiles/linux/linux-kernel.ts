import {
  isVmmschedError,
  taskFlags,
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
import { AddressSet } from "./address-set.js";
import type { LinuxFacts } from "./facts.js";
import { freezerTrap } from "./freezer-trap.js";
import { HiddenTasks } from "./hidden-tasks.js";
import type { HoldMethod } from "./hold-method.js";
import { planHold, planRelease, type HoldTools } from "./hold.js";
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
  /** How tasks are held; undefined where the way that is asked for does not work in this kernel. */
  readonly method: HoldMethod | undefined;
  readonly findings: () => GuestFindings;
}

/** A running Linux kernel. */
export class LinuxKernel implements GuestKernel {
  readonly #holds: Holds | undefined;
  readonly #tools: HoldTools | undefined;
  readonly #hidden: HiddenTasks;
  /** Tasks that the present scan has found on the guest's lists. */
  readonly #listed = new AddressSet();
  readonly #visitHidden: (task: GuestVa) => void;
  readonly #visit: (task: GuestVa, leader: boolean) => void;
  #into: SnapshotBuilder | undefined;
  #restarts = 0;

  constructor(
    readonly description: GuestDescription,
    private readonly facts: LinuxFacts,
    private readonly means: LinuxMeans,
  ) {
    const { wakeUp, method } = means;
    this.#hidden = new HiddenTasks(facts);
    this.#holds = wakeUp && new Holds(facts, wakeUp);
    this.#tools = wakeUp &&
      this.#holds && {
        facts,
        holds: this.#holds,
        wakeUp,
        hidden: this.#hidden,
        method,
        trap: freezerTrap(facts),
      };
    this.#visit = (task, leader) => {
      this.#listed.add(task);
      this.#addTask(task, leader);
    };
    this.#visitHidden = (task) => {
      const row = this.#addTask(task, true);
      const flags = this.#into?.columns.flags;
      if (flags !== undefined) flags[row] = (flags[row] ?? 0) | taskFlags.hidden;
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
      this.#holds?.beginScan();
      this.#listed.clear();
      try {
        forEachTask(this.facts, this.#visit);
        this.#hidden.look(this.#listed, this.#visitHidden);
        this.#holds?.endScan();
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
      this.#holds?.adopt(address, id, startTimeNs, hold === "releasing" ? "releasing" : "holding");
    }
  }

  findings(): GuestFindings {
    return this.means.findings();
  }

  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    if (this.#tools === undefined) return "untouchable";
    this.facts.space.flush();
    edit.begin(this.facts.space);
    try {
      return change.kind === "hold"
        ? planHold(this.#tools, change, edit)
        : planRelease(this.#tools, change, edit);
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

  /** Returns the row. */
  #addTask(task: GuestVa, leader: boolean): number {
    if (this.#into === undefined) return 0;
    const { columns } = this.#into;
    const row = this.#into.addTask();
    readTask(this.facts, task, leader, columns, row);
    const [id, startTimeNs] = [columns.id[row] ?? 0, columns.startTimeNs[row] ?? 0];
    columns.hold[row] = this.#holds?.observe(task, id, startTimeNs) ?? 0;
    return row;
  }
}
