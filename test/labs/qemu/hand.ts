import type { GuestKernel } from "../../../core/guest-profile.js";
import type { Domain } from "../../../core/hypervisor.js";
import type { GuestVa } from "../../../core/memory/address.js";
import { EditTransaction } from "../../../core/memory/edit-transaction.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { holdStates, TaskColumns, taskStates } from "../../../core/snapshot/task-columns.js";
import linux from "../../../guest-profiles/linux/index.js";
import { openQemu } from "../../../native/qemu/index.js";
import { sleepMs } from "../vmmsched-log.js";
import type { QemuLab } from "./lab.js";

/** A thread as the profile sees it. */
export interface SeenThread {
  readonly id: number;
  readonly address: GuestVa;
  readonly startTimeNs: number;
  readonly hold: (typeof holdStates)[number];
  readonly state: (typeof taskStates)[number];
  readonly cpuTimeNs: number;
}

const room = 4096;
const attachTimeoutMs = 60_000;
/** A lock is held, a wake-up is under way: it is tried again for this long. */
const patienceMs = 60_000;

/** Holds and releases threads of one guest through the scheduler's own driver, profile and transactions, one step at a time. */
export class Hand implements Disposable {
  /** For how long the guest was paused in all. */
  pausedMs = 0;
  /** What kept an edit from being made, and how often. */
  readonly notNow = new Map<string, number>();
  readonly #columns = TaskColumns.allocate(room);
  readonly #builder = new SnapshotBuilder(this.#columns);
  readonly #edit = new EditTransaction();

  private constructor(
    private readonly hypervisor: Disposable,
    private readonly domain: Domain,
    readonly kernel: GuestKernel,
  ) {}

  static async open(lab: QemuLab, name: string): Promise<Hand> {
    const hypervisor = openQemu({ directory: lab.sockets, machines: [] });
    try {
      const info = hypervisor.domains().find((one) => one.name === name);
      if (info === undefined) throw new Error(`no domain ${name}: ${hypervisor.notes.join("; ")}`);
      const domain = hypervisor.open(info.id);
      const deadline = performance.now() + attachTimeoutMs;
      for (;;) {
        // A vCPU in user mode shows too little of the kernel; another moment serves.
        const kernel = await linux.attach(domain);
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
    this.#builder.begin();
    this.#builder.beginDomain(0);
    this.kernel.scan(this.#builder);
    const { id, process, address, startTimeNs, hold, state, cpuTimeNs } = this.#columns;
    const found: SeenThread[] = [];
    for (let row = 0; row < this.#builder.rows; row++) {
      if (!pids.includes(process[row] ?? 0)) continue;
      found.push({
        id: id[row] ?? 0,
        address: (address[row] ?? 0) as GuestVa,
        startTimeNs: startTimeNs[row] ?? 0,
        hold: holdStates[hold[row] ?? 0] ?? "none",
        state: taskStates[state[row] ?? 0] ?? "unknown",
        cpuTimeNs: cpuTimeNs[row] ?? 0,
      });
    }
    return found;
  }

  /** Wishes the same of all threads, tick for tick as the scheduler does, until `done` of every one. */
  async bring(
    kind: "hold" | "release",
    pids: readonly number[],
    done: (thread: SeenThread) => boolean,
  ): Promise<readonly SeenThread[]> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const threads = this.threads(pids);
      if (threads.every(done)) return threads;
      if (performance.now() > deadline)
        throw new Error(`no ${kind} within ${String(patienceMs)} ms: ${JSON.stringify(threads)}`);
      for (const thread of threads) if (!done(thread)) this.#change(kind, thread);
      await sleepMs(2);
    }
  }

  [Symbol.dispose](): void {
    this.kernel[Symbol.dispose]();
    this.hypervisor[Symbol.dispose]();
  }

  #change(kind: "hold" | "release", { address, id, startTimeNs }: SeenThread): void {
    const change = { kind, address, id, startTimeNs };
    let outcome: string = this.kernel.plan(change, this.#edit);
    if (outcome === "planned") {
      this.#edit.prepareWrites(this.domain);
      const since = performance.now();
      {
        using paused = this.domain.pause();
        outcome = this.kernel.plan(change, this.#edit);
        if (outcome === "planned") outcome = this.#edit.commit(paused);
      }
      this.pausedMs += performance.now() - since;
    }
    if (outcome !== "committed") this.notNow.set(outcome, (this.notNow.get(outcome) ?? 0) + 1);
  }
}
