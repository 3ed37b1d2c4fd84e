import {
  isVmmschedError,
  messageOf,
  othersFirst,
  type Domain,
  type EditTransaction,
  type GuestDescription,
  type GuestFindings,
  type GuestKernel,
  type NotNow,
  type SnapshotBuilder,
  type TaskChange,
} from "vmmsched/plugin-api";
import { Clocks } from "./clocks.js";
import { findings } from "./findings.js";
import type { IdentifiedKernel } from "./identify/identify.js";
import { Liveness } from "./liveness.js";
import { type Processes } from "./processes/processes.js";
import { runningThreads } from "./processes/running-threads.js";
import { hasExited } from "./processes/verify-process.js";
import { ThreadRows } from "./threads/read-thread.js";
import { ThreadLists } from "./threads/thread-lists.js";
import type { WindowsEdits } from "./windows-edits.js";
import { WorkLimit } from "./work-limit.js";

/** Lists change while they are walked; this often a scan starts over before it gives up. */
const scanTries = 5;

/** How threads of a guest are edited. */
export interface WindowsMeans {
  readonly edits: WindowsEdits;
  /** A nice value as the base priority that it stands for. */
  readonly priorityOf: (nice: number) => number;
}

/** A Windows kernel whose processes can be read. */
export class WindowsKernel implements GuestKernel {
  readonly holdsInTwoSteps = true;
  declare readonly priorityOf?: (nice: number) => number;
  readonly #edits: WindowsEdits | undefined;
  readonly #processes: Processes;
  readonly #threads: ThreadLists;
  readonly #rows: ThreadRows;
  readonly #limit = new WorkLimit();
  readonly #liveness: Liveness | undefined;
  readonly #visitProcess: (hidden: boolean) => void;
  readonly #visitThread: () => void;
  #into: SnapshotBuilder | undefined;
  #restarts = 0;
  /** Threads that were visited of the present process. */
  #visited = 0;
  #searching = false;
  #disposed = false;
  /** Why the search of RAM found that the guest cannot be read. */
  #searchFailure: Error | undefined;

  constructor(
    readonly description: GuestDescription,
    domain: Domain,
    private readonly found: IdentifiedKernel,
    processes: Processes,
    means: WindowsMeans | undefined,
  ) {
    const { places } = processes;
    if (means !== undefined) this.priorityOf = means.priorityOf;
    this.#edits = means?.edits;
    this.#processes = processes;
    const runs = domain.readOnly === undefined;
    const running = () => [...runningThreads(places, found.processors)];
    this.#threads = new ThreadLists(places, this.#limit, runs ? undefined : { running });
    this.#rows = new ThreadRows(found.layout, new Clocks(found));
    this.#liveness = runs ? new Liveness(domain, found) : undefined;
    this.#visitProcess = (hidden) => this.#addProcess(hidden);
    this.#visitThread = () => this.#addThread();
  }

  /** How often a list changed under a scan so that it had to start over. */
  get restarts(): number {
    return this.#restarts;
  }

  scan(into: SnapshotBuilder): void {
    if (this.#searchFailure !== undefined) throw this.#searchFailure;
    this.#into = into;
    this.found.space.flush();
    this.#liveness?.look();
    this.#limit.begin();
    this.#processes.beginScan();
    for (let attempt = 1; ; attempt++) {
      this.found.space.flush();
      try {
        this.#processes.forEach(this.#limit, this.#visitProcess);
        break;
      } catch (error) {
        const isFinal = attempt === scanTries || this.#limit.reached;
        if (isFinal || isVmmschedError(error, "ERR_SNAPSHOT_FULL")) throw error;
        this.#restarts++;
        into.restartDomain();
      }
    }
    if (this.#liveness !== undefined && !this.#searching) void this.#searchLater();
  }

  findings(): GuestFindings {
    return findings(this.found);
  }

  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    if (this.#edits === undefined) return "untouchable";
    return this.#liveness?.proved() === false ? "unreadable" : this.#edits.plan(change, edit);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#into = undefined;
  }

  /** After the tick that scans, when nothing is paused any more. */
  async #searchLater(): Promise<void> {
    this.#searching = true;
    await othersFirst();
    this.#searching = false;
    if (this.#disposed) return;
    try {
      this.#processes.searchSome();
    } catch (error) {
      // What else a driver has to say, of a domain that is gone by now, it says to the next scan too.
      if (isVmmschedError(error) && error.code !== "ERR_GUEST_CORRUPT") return;
      this.#searchFailure = error instanceof Error ? error : new Error(messageOf(error));
    }
  }

  /** Of a process that has neither threads nor exited nothing is to be seen yet. */
  #addProcess(hidden: boolean): void {
    const into = this.#into;
    const { process, places } = this.#processes;
    if (into === undefined) return;
    this.#rows.begin(process, hidden);
    this.#visited = 0;
    this.#threads.forEach(process, this.#visitThread);
    if (this.#visited > 0 || !hasExited(places, process.address)) return;
    this.#rows.writeExited(process, into.columns, into.addTask());
  }

  #addThread(): void {
    const into = this.#into;
    if (into === undefined) return;
    const { columns } = into;
    const row = into.addTask();
    this.#rows.write(this.#threads.thread, this.#visited++ === 0, columns, row);
    if (this.#edits !== undefined) columns.hold[row] = this.#edits.observe(this.#threads.thread.address);
  }
}
