import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Config } from "../config/schema.js";
import { messageOf, VmmschedError } from "../errors.js";
import type { ControlThreadCalls, ControlThreadData, CycleThreadCalls } from "./control-messages.js";
import type { HostBuffers } from "../snapshot/host-columns.js";
import { ThreadLink } from "./thread-link.js";

/** The control thread, as the thread of the cycle sees it. */
export class ControlLink {
  /** Rejects when the control thread ends by itself, which it never should; pending else. */
  readonly lost: Promise<never>;
  readonly #worker: Worker;
  readonly #link: ThreadLink<ControlThreadCalls>;
  #closed = false;

  /** Starts the thread, which loads beside its caller. */
  constructor(data: ControlThreadData) {
    this.#worker = new Worker(new URL("./control-thread.js", import.meta.url), {
      name: "control",
      workerData: data,
    });
    this.#link = new ThreadLink(this.#worker, {});
    this.lost = new Promise((_, reject) => {
      const lose = (why: string) => {
        if (this.#closed) return;
        const error = new VmmschedError("ERR_CONTROL_THREAD", `the control thread has ended: ${why}`);
        this.#link.lost(error);
        reject(error);
      };
      this.#worker.once("error", (error: unknown) => lose(messageOf(error)));
      this.#worker.once("exit", (code) => lose(`exit code ${String(code)}`));
    });
    // Who does not wait for it learns of it by the calls that fail.
    this.lost.catch(() => undefined);
  }

  /** The configuration. Throws ERR_CONFIG_UNREADABLE or ERR_CONFIG_INVALID. */
  configure(): Promise<Config> {
    return this.#link.call("configure", []);
  }

  /** Starts the policies of this host, for a cycle that serves these calls. Throws what is wrong with the plugins. */
  async open(host: HostBuffers, served: CycleThreadCalls): Promise<void> {
    this.#link.serve(served);
    await this.#link.call("open", [host]);
  }

  /** Sends a tick; resolves when it has been taken. */
  async frame(captured: ArrayBuffer): Promise<void> {
    await this.#link.call("frame", [captured], [captured]);
  }

  /** No more ticks come, because of this. */
  framesLost(why: string): void {
    this.#link.tell("framesLost", [why]);
  }

  /** Ends the policies' threads, the control socket and the thread itself. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const patience = setTimeout(() => void this.#worker.terminate(), closePatienceMs);
    const exited = once(this.#worker, "exit");
    await this.#link.call("close", []).catch(() => undefined);
    this.#closed = true;
    await this.#worker.terminate();
    await exited;
    clearTimeout(patience);
  }
}

const closePatienceMs = 5_000;
