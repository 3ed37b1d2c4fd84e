import {
  isVmmschedError,
  taskFlags,
  type Complaint,
  type EditTransaction,
  type GuestDescription,
  type GuestFindings,
  type GuestKernel,
  type GuestVa,
  type TaskColumns,
  type HeldTask,
  type NotNow,
  type SnapshotBuilder,
  type TaskChange,
} from "vmmsched/plugin-api";
import { Accounting } from "./accounting.js";
import { AddressSet } from "./address-set.js";
import type { LinuxFacts } from "./facts.js";
import { freezerTrap } from "./freezer-trap.js";
import type { Health } from "./health.js";
import { HiddenTasks } from "./hidden-tasks.js";
import type { HoldMethod } from "./hold-method.js";
import { planHold, planRelease, type HoldTools } from "./hold.js";
import { Holds } from "./holds.js";
import { Leftovers } from "./leftovers.js";
import type { Liveness } from "./liveness.js";
import type { PriorityMethod } from "./priority.js";
import { ProcessTexts } from "./process-texts.js";
import { readTask } from "./task.js";
import { TaskList } from "./task-list.js";
import type { WakeUp } from "./wake-up.js";
import { priorityOf } from "./weights.js";

/** Lists change while we walk them; this often a scan starts over before it gives up. */
const scanTries = 5;

/** What a kernel is given beside where things are in it. */
export interface LinuxMeans {
  /** How tasks are woken; undefined where nothing can be held. */
  readonly wakeUp: WakeUp | undefined;
  /** How tasks are held; undefined where the way that is asked for does not work in this kernel. */
  readonly method: HoldMethod | undefined;
  /** How priorities are changed; undefined where they cannot be. */
  readonly priority: PriorityMethod | undefined;
  readonly findings: () => GuestFindings;
  /** Undefined where nothing runs: in an image. */
  readonly liveness: Liveness | undefined;
  readonly health: Health;
}

/** A running Linux kernel. */
export class LinuxKernel implements GuestKernel {
  declare readonly priorityOf?: (nice: number) => number;
  readonly #holds: Holds | undefined;
  readonly #leftovers: Leftovers | undefined;
  readonly #tools: HoldTools | undefined;
  readonly #hidden: HiddenTasks;
  readonly #tasks: TaskList;
  readonly #accounting: Accounting;
  readonly #texts: ProcessTexts;
  /** Tasks that the present scan has found on the guest's lists. */
  readonly #listed = new AddressSet();
  readonly #visitHidden: (task: GuestVa) => void;
  readonly #visit: (leader: boolean) => void;
  #into: SnapshotBuilder | undefined;
  #restarts = 0;

  constructor(
    readonly description: GuestDescription,
    private readonly facts: LinuxFacts,
    private readonly means: LinuxMeans,
  ) {
    const { wakeUp, method, priority } = means;
    if (priority !== undefined) this.priorityOf = priorityOf;
    this.#hidden = new HiddenTasks(facts);
    this.#tasks = new TaskList(facts);
    this.#accounting = new Accounting(facts);
    this.#texts = new ProcessTexts(facts);
    this.#holds = wakeUp && new Holds(facts, wakeUp);
    this.#leftovers = this.#holds && new Leftovers(facts, this.#holds);
    this.#tools = wakeUp &&
      this.#holds && {
        facts,
        holds: this.#holds,
        wakeUp,
        hidden: this.#hidden,
        method,
        trap: freezerTrap(facts),
      };
    this.#visit = (leader) => {
      if (this.#into === undefined) return;
      const row = this.#addTask(this.#into, leader);
      this.#listed.add(this.#into.columns.address, row);
    };
    this.#visitHidden = (task) => {
      if (this.#into === undefined) return;
      this.#tasks.task.address = task;
      const row = this.#addTask(this.#into, true);
      const { flags } = this.#into.columns;
      flags[row] = (flags[row] ?? 0) | taskFlags.hidden;
    };
  }

  /** How often a list changed under a scan so that it had to start over. */
  get restarts(): number {
    return this.#restarts;
  }

  scan(into: SnapshotBuilder): void {
    this.#into = into;
    this.facts.space.flush();
    this.means.liveness?.look();
    for (let attempt = 1; ; attempt++) {
      this.facts.space.flush();
      this.#holds?.beginScan();
      this.#leftovers?.beginScan();
      this.#texts.beginScan();
      this.#listed.clear();
      try {
        this.#tasks.forEach(into.columns.capacity, this.#visit);
        this.#hidden.look(this.#listed, this.#holds, this.#visitHidden);
        this.#holds?.endScan();
        this.#leftovers?.endScan();
        this.#texts.endScan();
        return;
      } catch (error) {
        if (attempt === scanTries || isVmmschedError(error, "ERR_SNAPSHOT_FULL")) throw error;
        this.#restarts++;
        into.restartDomain();
      }
    }
  }

  /** What is being released, and what two scans have not shown yet, only the kernel before this one knew. */
  adopt(held: readonly HeldTask[]): void {
    for (const { address, id, startTimeNs, hold } of held) {
      this.#holds?.adopt(address, id, startTimeNs, hold === "releasing" ? "releasing" : "holding");
    }
  }

  /** To be asked after a scan, which has looked at the clock. */
  health(): readonly Complaint[] {
    return this.means.health.look();
  }

  findings(): GuestFindings {
    return this.means.findings();
  }

  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    this.facts.space.flush();
    if (this.means.liveness?.proved() === false) return "unreadable";
    edit.begin(this.facts.space);
    try {
      return this.#plan(change, edit);
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

  #plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    if (change.kind === "priority")
      return this.means.priority?.plan(change, this.#hidden.has(change.address), edit) ?? "untouchable";
    if (this.#tools === undefined) return "untouchable";
    return change.kind === "hold"
      ? planHold(this.#tools, change, edit)
      : planRelease(this.#tools, change, edit);
  }

  /** The task that the list of tasks shows. Returns the row. */
  #addTask(into: SnapshotBuilder, leader: boolean): number {
    const { columns } = into;
    const row = into.addTask();
    readTask(this.facts.layout, this.#tasks.task, leader, columns, row);
    this.#accounting.read(this.#tasks.task, columns, row);
    if (leader) this.#texts.read(this.#tasks.task, columns, row);
    if (this.#leftovers?.isSuspect(this.#tasks.task) === true) this.#lookAtLeftover(columns, row);
    columns.hold[row] = this.#holds === undefined || this.#holds.none ? 0 : this.#holdOf(columns, row);
    return row;
  }

  #lookAtLeftover({ address, id, startTimeNs }: TaskColumns, row: number): void {
    this.#leftovers?.look((address[row] ?? 0) as GuestVa, id[row] ?? 0, startTimeNs[row] ?? 0);
  }

  #holdOf({ address, id, startTimeNs }: TaskColumns, row: number): number {
    return this.#holds?.observe((address[row] ?? 0) as GuestVa, id[row] ?? 0, startTimeNs[row] ?? 0) ?? 0;
  }
}
