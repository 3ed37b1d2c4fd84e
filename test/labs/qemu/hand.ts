import type { GuestKernel, TaskChange } from "../../../core/guest-profile.js";
import type { Domain, Hypervisor } from "../../../core/hypervisor.js";
import type { GuestVa } from "../../../core/memory/address.js";
import { EditTransaction } from "../../../core/memory/edit-transaction.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { holdStates, TaskColumns, taskStates } from "../../../core/snapshot/task-columns.js";
import type { HoldMethodName } from "../../../guest-profiles/linux/hold-method.js";
import linux from "../../../guest-profiles/linux/index.js";
import { openQemu } from "../../../native/qemu/index.js";
import { sleepMs } from "../vmmsched-log.js";
import type { QemuLab } from "./lab.js";

/** A thread as the profile sees it. */
export interface SeenThread {
  readonly id: number;
  readonly process: number;
  readonly address: GuestVa;
  readonly startTimeNs: number;
  readonly hold: (typeof holdStates)[number];
  readonly state: (typeof taskStates)[number];
  readonly cpuTimeNs: number;
  /** In the guest's scale. */
  readonly priority: number;
}

/** How a hand holds, and whether it may interrupt the guest to have it release. */
export interface HandOptions {
  readonly hold: HoldMethodName;
  readonly interrupts: boolean;
}

/** What became of a change that was tried. */
export type Note = (thread: SeenThread, outcome: string) => void;

const room = 4096;
const attachTimeoutMs = 60_000;
/** A lock is held, for instance: it is tried again for this long. */
const patienceMs = 60_000;
/** As the scheduler's default: what is left over comes with the next step. */
const pauseBudgetMs = 5;

/** Changes threads of one guest through the scheduler's own driver, profile and transactions, one step at a time. */
export class Hand implements Disposable {
  /** For how long the guest was paused in all. */
  pausedMs = 0;
  /** What kept a change from being made, and how often. */
  readonly notNow = new Map<string, number>();
  readonly #columns = TaskColumns.allocate(room);
  readonly #builder = new SnapshotBuilder(this.#columns);
  readonly #edit = new EditTransaction();

  private constructor(
    private readonly hypervisor: Hypervisor,
    private readonly domain: Domain,
    readonly kernel: GuestKernel,
  ) {}

  static async open(
    lab: QemuLab,
    name: string,
    { hold, interrupts }: HandOptions = { hold: "trap", interrupts: true },
  ): Promise<Hand> {
    const hypervisor = openQemu({ directory: lab.sockets, machines: [] });
    try {
      const info = hypervisor.domains().find((one) => one.name === name);
      if (info === undefined) throw new Error(`no domain ${name}: ${hypervisor.notes.join("; ")}`);
      const opened = hypervisor.open(info.id);
      const domain = interrupts ? opened : withoutInterrupts(opened);
      const deadline = performance.now() + attachTimeoutMs;
      for (;;) {
        // A vCPU in user mode shows too little of the kernel; another moment serves.
        const kernel = await linux.attach(domain, { hold });
        if (kernel !== undefined) return new Hand(hypervisor, domain, kernel);
        if (performance.now() > deadline) throw new Error(`${name}: no kernel was recognised`);
        await sleepMs(50);
      }
    } catch (error) {
      hypervisor[Symbol.dispose]();
      throw error;
    }
  }

  /** Threads of these processes now. */
  threads(pids: readonly number[]): readonly SeenThread[] {
    // What has happened to the machine is learnt between two steps, as between two ticks.
    this.hypervisor.domains();
    this.#builder.begin();
    this.#builder.beginDomain(0);
    this.kernel.scan(this.#builder);
    const { id, process, address, startTimeNs, hold, state, cpuTimeNs, priority } = this.#columns;
    const found: SeenThread[] = [];
    for (let row = 0; row < this.#builder.rows; row++) {
      if (!pids.includes(process[row] ?? 0)) continue;
      found.push({
        id: id[row] ?? 0,
        process: process[row] ?? 0,
        address: (address[row] ?? 0) as GuestVa,
        startTimeNs: startTimeNs[row] ?? 0,
        hold: holdStates[hold[row] ?? 0] ?? "none",
        state: taskStates[state[row] ?? 0] ?? "unknown",
        cpuTimeNs: cpuTimeNs[row] ?? 0,
        priority: priority[row] ?? 0,
      });
    }
    return found;
  }

  /** Wishes the same of all these threads once, as a tick of the scheduler does: all that can be done now, in one pause. */
  step(kind: "hold" | "release", threads: readonly SeenThread[], note?: Note): void {
    this.#change(threads, (thread) => ({ kind, ...named(thread) }), note);
  }

  /** The same with threads that are to be held and others that are to be released. */
  stepBoth(hold: readonly SeenThread[], release: readonly SeenThread[], note?: Note): void {
    const kindOf = (thread: SeenThread) => (hold.includes(thread) ? "hold" : "release");
    this.#change([...hold, ...release], (thread) => ({ kind: kindOf(thread), ...named(thread) }), note);
  }

  /** Gives all threads of these processes a nice value, tick for tick, until every one has it. */
  async setPriority(pids: readonly number[], nice: number): Promise<void> {
    const priority = this.kernel.priorityOf?.(nice);
    if (priority === undefined) throw new Error("priorities of this guest cannot be changed");
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const others = this.threads(pids).filter((thread) => thread.priority !== priority);
      if (others.length === 0) return;
      if (performance.now() > deadline)
        throw new Error(
          `not nice ${String(nice)} within ${String(patienceMs)} ms: ${JSON.stringify(others)}`,
        );
      this.#change(others, (thread) => ({ kind: "priority", priority, ...named(thread) }));
      await sleepMs(2);
    }
  }

  [Symbol.dispose](): void {
    this.kernel[Symbol.dispose]();
    this.hypervisor[Symbol.dispose]();
  }

  #change(threads: readonly SeenThread[], changeOf: (thread: SeenThread) => TaskChange, note?: Note): void {
    const tell: Note = (thread, outcome) => {
      if (outcome !== "committed") this.notNow.set(outcome, (this.notNow.get(outcome) ?? 0) + 1);
      note?.(thread, outcome);
    };
    const ready = threads.filter((thread) => {
      const planned = this.kernel.plan(changeOf(thread), this.#edit);
      if (planned === "planned") this.#edit.prepareWrites(this.domain);
      else tell(thread, planned);
      return planned === "planned";
    });
    if (ready.length === 0) return;
    const since = performance.now();
    {
      using paused = this.domain.pause();
      for (const [index, thread] of ready.entries()) {
        if (index > 0 && performance.now() - since > pauseBudgetMs) break;
        const planned = this.kernel.plan(changeOf(thread), this.#edit);
        tell(thread, planned === "planned" ? this.#edit.commit(paused) : planned);
      }
    }
    this.pausedMs += performance.now() - since;
  }
}

/** A guest that was started without a qtest socket. */
function withoutInterrupts(domain: Domain): Domain {
  return {
    info: domain.info,
    memory: domain.memory,
    canInterrupt: false,
    vcpus: () => domain.vcpus(),
    prepareWrite: (frame) => domain.prepareWrite?.(frame),
    pause: () => domain.pause(),
    share: () => domain.share(),
    setShare: (share) => domain.setShare(share),
    [Symbol.dispose]: () => domain[Symbol.dispose](),
  };
}

function named({ address, id, startTimeNs }: SeenThread): Pick<TaskChange, "address" | "id" | "startTimeNs"> {
  return { address, id, startTimeNs };
}
