import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../log.js";
import type { Watch } from "./guarded-hypervisor.js";
import type { GuardianOrder } from "./guardian-process.js";
import { MappedFile } from "./mapped-file.js";
import { pageFile } from "./page-file.js";
import { GuardianPage, monotonicNs, pageBytes } from "./page.js";

export interface GuardianOptions extends Omit<GuardianOrder, "page" | "scheduler"> {
  /** Node's arguments before the order. */
  readonly program: readonly string[];
  readonly log: Log;
}

/** A guardian beats every 10 ms; nothing is paused for one that has not for so long, and it is replaced. */
const staleNs = 500e6;
const checkEveryMs = 200;
/** For as long a new one may take to begin: a busy Domain 0 starts programs slowly. The first is waited for; later ones come while the scheduler ticks on. */
const firstMs = 60_000;

/** The scheduler's end of its guardian: a process that is replaced when it dies or hangs. */
export class GuardianProcess implements Watch, Disposable {
  readonly page: GuardianPage;
  readonly #file: MappedFile;
  readonly #options: GuardianOptions;
  readonly #timer: NodeJS.Timeout;
  #child: ChildProcess | undefined;
  #startedNs = 0;
  #closed = false;

  private constructor(options: GuardianOptions) {
    this.#options = options;
    this.#file = new MappedFile(pageFile(options.directory, process.pid), pageBytes);
    this.page = new GuardianPage(this.#file.buffer);
    this.page.scheduler = process.pid;
    this.#spawn();
    this.#timer = setInterval(() => this.#check(), checkEveryMs);
    this.#timer.unref();
  }

  /** Returns when it watches, or has not begun to in a minute: then nothing is paused until one does. Throws ERR_RUNTIME_DIRECTORY. */
  static async start(options: GuardianOptions): Promise<GuardianProcess> {
    const guardian = new GuardianProcess(options);
    const deadlineNs = monotonicNs() + firstMs * 1e6;
    while (!guardian.alive && monotonicNs() < deadlineNs) await sleep(10);
    return guardian;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get alive(): boolean {
    return (
      this.#child !== undefined &&
      this.page.guardian === this.#child.pid &&
      monotonicNs() - this.page.beatNs < staleNs
    );
  }

  /** We end of our own accord: it pays what is left, which should be nothing, and ends too. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.page.sayGoodbye();
    this.#child?.stdin?.end();
    this.#file[Symbol.dispose]();
  }

  #spawn(): void {
    const { program, directory, hardLimitMs, recovery } = this.#options;
    const order: GuardianOrder = {
      ...{ directory, hardLimitMs, page: this.#file.path, scheduler: process.pid },
      ...(recovery === undefined ? {} : { recovery }),
    };
    this.#startedNs = monotonicNs();
    // In a session of its own: what ends the scheduler's terminal, or its process group, must not end both.
    const child = spawn(process.execPath, [...program, JSON.stringify(order)], {
      // Beside `recover`, standard output has its report.
      stdio: ["pipe", recovery === undefined ? "ignore" : "inherit", "inherit"],
      detached: true,
    });
    this.#child = child;
    child.once("exit", (code, signal) => this.#lost(child, String(signal ?? code)));
    child.once("error", (error) => this.#lost(child, error.message));
    child.stdin.on("error", () => undefined);
    child.unref();
  }

  #lost(child: ChildProcess, why: string): void {
    if (this.#closed || this.#child !== child) return;
    this.#child = undefined;
    this.#options.log.error(
      { event: "guardian-lost", guardian: child.pid, reason: why },
      "the guardian has ended: nothing is paused until there is another one",
    );
  }

  #check(): void {
    const child = this.#child;
    if (child === undefined) this.#spawn();
    // One that hangs is ended; its exit makes room for the next.
    else if (!this.alive && monotonicNs() - this.#startedNs > firstMs * 1e6) child.kill("SIGKILL");
    else if (
      !this.alive &&
      this.page.guardian === child.pid &&
      monotonicNs() - this.page.beatNs > 4 * staleNs
    )
      child.kill("SIGKILL");
  }
}
